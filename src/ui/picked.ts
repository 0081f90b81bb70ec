/**
 * What a user dropped on the page or picked in a dialog: a list of files and
 * folders, and the bundle that they make. A browser gives bytes and names, never
 * paths of this machine.
 */

export type Picked =
  | { readonly path: readonly string[]; readonly file: File }
  /** A folder; what is in it follows. */
  | { readonly path: readonly string[]; readonly file: null };

/** All that was dropped, with what is in the folders. Has to be called while the event is handled. */
export async function dropped(data: DataTransfer): Promise<Picked[]> {
  // Their list is emptied when the event is over: taken first, read then.
  const entries = [...data.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const found: Picked[] = [];
  for (const entry of entries) await walk(entry, [], found);
  return found;
}

async function walk(entry: FileSystemEntry, above: readonly string[], found: Picked[]): Promise<void> {
  const path = [...above, entry.name];
  if (isFile(entry)) {
    const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject));
    found.push({ path, file });
  } else if (isFolder(entry)) {
    found.push({ path, file: null });
    const reader = entry.createReader();
    for (;;) {
      // It gives some at a time, and none at the end.
      const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
      if (some.length === 0) return;
      for (const each of some) await walk(each, path, found);
    }
  }
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

function isFolder(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}

/** What was picked in a dialog, one for files or one for a folder; that one does not tell of empty folders. */
export function chosen(files: readonly File[]): Picked[] {
  const found: Picked[] = [];
  const folders = new Set<string>();
  for (const file of files) {
    const path = file.webkitRelativePath === "" ? [file.name] : file.webkitRelativePath.split("/");
    for (let depth = 1; depth < path.length; depth++) {
      const folder = path.slice(0, depth);
      if (folders.has(folder.join("/"))) continue;
      folders.add(folder.join("/"));
      found.push({ path: folder, file: null });
    }
    found.push({ path, file });
  }
  return found;
}

/** Names of what is at the top. */
export function namesOf(picked: readonly Picked[]): string[] {
  return picked.flatMap(({ path }) => (path.length === 1 ? path : []));
}

/**
 * The bundle that the control API takes. A Blob of files holds references, not
 * content: the browser reads it from the disk while it sends.
 */
export function bundleOf(picked: readonly Picked[]): Blob {
  const parts = picked.flatMap(({ path, file }): BlobPart[] => {
    if (file === null) return [line({ path, folder: true })];
    return [line({ path, size: file.size, mtime: file.lastModified }), file];
  });
  return new Blob([...parts, line({ end: true })]);
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}
