/** Command lines as they stand in documents. */

/** The arguments of each `lanxferctl …` that a text shows after a prompt. */
export function promptedCommands(text: string): string[][] {
  const lines = [...text.matchAll(/^[\w-]*\$ (.*lanxferctl .*)$/gm)].map(([, line = ""]) => line);
  return lines.flatMap((line) => (line.match(/lanxferctl [^|&]*/g) ?? []).map((command) => wordsOf(command).slice(1)));
}

/** Words with blanks between; those in quotes are one. */
export function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? "");
}
