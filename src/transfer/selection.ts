/**
 * Which of the sources are not to be sent: patterns as a .gitignore has them
 * (gitignore(5)), on the paths that go over the wire, as if the file stood beside
 * what the user named. The only importer of ignore.
 *
 * Case always counts, as names that differ in it are two files on the wire.
 */

import ignore from "ignore";

/** Whether something in a folder is excluded; that what is around it is not, is known. */
export type Excludes = (name: string, isFolder: boolean) => boolean;

const nothing: Excludes = () => false;

export class Selection {
  readonly #patterns: ignore.Ignore | undefined;

  constructor(patterns: readonly string[]) {
    if (patterns.length > 0) this.#patterns = rules().add(patterns.map((pattern) => ({ pattern })));
  }

  /**
   * For names in the folder with this path; the empty one for what the user
   * named. To be asked for again now and then, as the library remembers every
   * path that it is asked about.
   */
  within(folder: readonly string[]): Excludes {
    if (this.#patterns === undefined) return nothing;
    const fresh = rules().add(this.#patterns);
    const prefix = folder.map((name) => `${name}/`).join("");
    return (name, isFolder) => fresh.ignores(`${prefix}${name}${isFolder ? "/" : ""}`);
  }
}

function rules(): ignore.Ignore {
  return ignore({ ignoreCase: false });
}
