/** docs/automation.md, taken apart. */

import { readFileSync } from "node:fs";
import { anchorOf } from "./fields.ts";

export interface DocumentedField {
  readonly path: string;
  readonly type: string;
}

const page = readFileSync(new URL("../../docs/automation.md", import.meta.url), "utf8");

/** The cells of each row of the first table in a text that begins so. */
function rowsOf(text: string, header: string): string[][] {
  const table = text.slice(text.indexOf(header)).split("\n\n")[0] ?? "";
  const rows = table.split("\n").slice(2);
  return rows.map((row) =>
    row
      .replace(/^\| /, "")
      .split(" | ")
      .map((cell) => cell.replace(/ *\|$/, "").trim()),
  );
}

/** For each heading under which fields are listed, these. */
export function documentedFields(): ReadonlyMap<string, readonly DocumentedField[]> {
  const header = "| field | type | meaning |";
  const sections = page.split(/^### /m).slice(1);
  return new Map(
    sections
      .filter((section) => section.includes(header))
      .map((section) => {
        const fields = rowsOf(section, header).map(([path = "", type = ""]) => ({ path: path.slice(1, -1), type }));
        return [section.slice(0, section.indexOf("\n")), fields];
      }),
  );
}

/** For each command with --json, the headings of what it may print before the end. */
export function documentedCommands(): ReadonlyMap<string, readonly string[]> {
  const headings = [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => heading);
  const byAnchor = new Map(headings.map((heading) => [anchorOf(heading), heading]));
  return new Map(
    rowsOf(page, "| command | lines before").map(([command = "", lines = ""]) => {
      const anchors = [...lines.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor = ""]) => anchor);
      const named = anchors.map((anchor) => byAnchor.get(anchor) ?? `no heading for #${anchor}`);
      const all = headings.filter((heading) => heading.startsWith("Event "));
      return [command.slice(1, -1), named.flatMap((heading) => (heading === "Events" ? all : [heading]))];
    }),
  );
}

/** The objects that stand in examples. */
export function documentedExamples(): unknown[] {
  const blocks = [...page.matchAll(/```json\n(.*?)```/gs)].map(([, block = ""]) => block);
  return blocks.flatMap((block) => block.trim().split("\n")).map((line): unknown => JSON.parse(line));
}

/** What stands there to be put into a shell or a script. */
export function documentedScripts(): string[] {
  return [...page.matchAll(/```sh\n(.*?)```/gs)].map(([, script = ""]) => script);
}

/** Names of environment variables: those that a hook is told, and those that it inherits. */
export function documentedVariables(): { readonly told: readonly string[]; readonly inherited: readonly string[] } {
  const told = rowsOf(page, "| variable | value |").map(([name = ""]) => name.slice(1, -1));
  const sentence = /From the daemon's own environment it has (.*?), and nothing else/.exec(page)?.[1] ?? "";
  return { told, inherited: [...sentence.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name) };
}

/** The metrics, in their order. */
export function documentedMetrics(): {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
}[] {
  return rowsOf(page, "| metric | type | labels | meaning |").map(([name = "", type = "", labels = ""]) => ({
    name: name.slice(1, -1),
    type,
    labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = ""]) => label),
  }));
}

/** Every `[text](#anchor)` that leads nowhere on the page. */
export function brokenLinks(): string[] {
  const anchors = new Set([...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => anchorOf(heading)));
  return [...page.matchAll(/\]\(#([^)]+)\)/g)]
    .map(([, anchor = ""]) => anchor)
    .filter((anchor) => !anchors.has(anchor));
}
