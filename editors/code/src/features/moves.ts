/**
 * Follows a file that is renamed or moved in the IDE. A move by another program can't be told from
 * a deletion.
 */
import * as vscode from "vscode";

import { movedPath } from "../lib/lines";

/**
 * How long an announced move may take before it counts as failed, in milliseconds: the editor does
 * not report that a move failed.
 */
const MOVE_MS = 5_000;

/** One of several files that are renamed at once. */
interface Rename {
  readonly oldUri: vscode.Uri;
  readonly newUri: vscode.Uri;
}

/** A file that is followed until this is disposed of. */
export class FollowedFile implements vscode.Disposable {
  readonly #subscriptions: vscode.Disposable;
  readonly #moved: (to: vscode.Uri) => void;
  #place: vscode.Uri;
  #move: { readonly over: Promise<void>; readonly end: () => void } | undefined;

  /** `moved`: called after each move. */
  constructor(place: vscode.Uri, moved: (to: vscode.Uri) => void = () => undefined) {
    this.#place = place;
    this.#moved = moved;
    this.#subscriptions = vscode.Disposable.from(
      vscode.workspace.onWillRenameFiles(({ files }) => {
        if (files.some((file) => movedTo(this.#place, file) !== undefined)) {
          this.#begin();
        }
      }),
      vscode.workspace.onDidRenameFiles(({ files }) => {
        files.forEach((file) => {
          this.#follow(movedTo(this.#place, file));
        });
      }),
    );
  }

  /**
   * Whether it is about to be moved. Meanwhile there may be no file at its place, and the editor
   * closes its tabs.
   */
  get isMoving(): boolean {
    return this.#move !== undefined;
  }

  /** Whether the file is at this place and not about to be moved. */
  isAt(place: vscode.Uri): boolean {
    return !this.isMoving && this.#place.toString() === place.toString();
  }

  /** The file's place once no move is under way. */
  async settled(): Promise<vscode.Uri> {
    await this.#move?.over;
    return this.#place;
  }

  dispose(): void {
    this.#move?.end();
    this.#subscriptions.dispose();
  }

  #begin(): void {
    this.#move?.end();
    let resolve: () => void;
    const over = new Promise<void>((done) => {
      resolve = done;
    });
    const timer = setTimeout(() => {
      move.end();
    }, MOVE_MS);
    const move = {
      over,
      end: () => {
        clearTimeout(timer);
        if (this.#move === move) {
          this.#move = undefined;
        }
        resolve();
      },
    };
    this.#move = move;
  }

  #follow(to: vscode.Uri | undefined): void {
    if (to !== undefined) {
      this.#place = to;
      this.#moved(to);
      this.#move?.end();
    }
  }
}

function movedTo(place: vscode.Uri, { oldUri, newUri }: Rename): vscode.Uri | undefined {
  if (place.scheme !== oldUri.scheme || place.authority !== oldUri.authority) {
    return undefined;
  }
  const path = movedPath(place.path, oldUri.path, newUri.path);
  return path === undefined ? undefined : newUri.with({ path });
}
