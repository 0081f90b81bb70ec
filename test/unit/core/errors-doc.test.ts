import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ERRORS } from "../../../src/core/errors.ts";

const page = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8");
const [introduction = "", ...sections] = page.split(/^### /m);
const described = new Map(sections.map((section) => [section.slice(0, section.indexOf("\n")), section]));

/** What a section must begin with; what follows explains. */
function heading(code: keyof typeof ERRORS): string {
  const kind: { exit: number; retryable: boolean; wire: boolean; sentence: string; hint?: string } = ERRORS[code];
  const facts = [
    `exit ${kind.exit}`,
    ...(kind.retryable ? ["retryable"] : []),
    ...(kind.wire ? ["may come from the other device"] : []),
  ];
  const hint = kind.hint === undefined ? "" : `>\n> hint: ${kind.hint}\n`;
  return `${code}\n\n${facts.join(" · ")}\n\n> ${kind.sentence}\n${hint}\n`;
}

describe("The page about errors", () => {
  const codes = Object.keys(ERRORS) as (keyof typeof ERRORS)[]; // the keys of the table are its codes

  it("describes every code, in the order of the table, and no other", () => {
    expect([...described.keys()]).toEqual(codes);
    expect(sections).toHaveLength(codes.length);
  });

  it.each(codes)("says of %s what the table says, and then what it means and what to do", (code) => {
    const section = described.get(code) ?? "";
    expect(section.slice(0, heading(code).length)).toBe(heading(code));
    const meaning = section.slice(heading(code).length).trim();
    expect(meaning).toMatch(/^[A-Z][^\n]{60,}\.$/);
  });

  it("lists every exit status that the table has", () => {
    const listed = [...introduction.matchAll(/^\| ([\d, ]+) \|/gm)].flatMap(([, cell]) => (cell ?? "").split(", "));
    for (const code of codes) expect(listed).toContain(String(ERRORS[code].exit));
  });
});
