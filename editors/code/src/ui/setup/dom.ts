/** Makes elements. Text is only ever inserted as text. */

/** What an element gets besides its text. */
export interface Props {
  readonly className?: string;
  readonly testId?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly onClick?: () => void;
}

/** A new element with its contents. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props,
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.className = props.className ?? "";
  if (props.testId !== undefined) {
    made.dataset["testid"] = props.testId;
  }
  for (const [name, value] of Object.entries(props.attributes ?? {})) {
    made.setAttribute(name, value);
  }
  if (props.onClick !== undefined) {
    made.addEventListener("click", props.onClick);
  }
  made.append(
    ...children.flatMap((child) => (typeof child === "string" ? inWords(child) : [child])),
  );
  return made;
}

/** Shows what is between backticks, a command or a name, as code. */
function inWords(text: string): (Node | string)[] {
  return text.split(/`([^`]+)`/u).map((part, at) => {
    if (at % 2 === 0) {
      return part;
    }
    const code = document.createElement("code");
    code.textContent = part;
    return code;
  });
}

/** A button. `main`: the one that most users will press. */
export function button(
  title: string,
  testId: string,
  onClick: () => void,
  props: { readonly main?: boolean; readonly disabled?: boolean; readonly label?: string } = {},
): HTMLButtonElement {
  const attributes = {
    type: "button",
    ...(props.label !== undefined && { "aria-label": props.label }),
  };
  const className = props.main === true ? "main" : "";
  const made = make("button", { className, testId, attributes, onClick }, title);
  made.disabled = props.disabled === true;
  return made;
}

/** A list of facts: a label and a text each. */
export function facts(
  all: readonly { readonly what: string; readonly text: string }[],
): HTMLDListElement {
  const rows = all.map(({ what, text }) =>
    make("div", {}, make("dt", {}, what), make("dd", {}, text)),
  );
  return make("dl", {}, ...rows);
}

/** An element of the page's fixed part, which `setup-view.ts` writes. */
export function find(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) {
    throw new Error(`the page has no #${id}`);
  }
  return found;
}

/** Writes only what differs: a live region reads every write aloud. */
export function setText(id: string, text: string): void {
  const target = find(id);
  if (target.textContent !== text) {
    target.textContent = text;
  }
}
