/** Reads the translation that `features/page.ts` put into the page. Imported first. */
import { configure } from "../lib/l10n";

import { element } from "./explain/dom";

configure(JSON.parse(element("translation").textContent) as Record<string, unknown>);
