/** docs/automation.md, held against the schemas, the commands and the environment of hooks. */

import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import type { z } from "zod";
import { COMMANDS } from "../../../src/ctl/program.ts";
import { INHERITED, inherited, toldOf } from "../../../src/daemon/incoming/hook-environment.ts";
import {
  brokenLinks,
  documentedCommands,
  documentedExamples,
  documentedFields,
  documentedScripts,
  documentedVariables,
} from "../../support/automation-page.ts";
import { kindOf, OBJECTS } from "../../support/contract.ts";
import { fieldsOf } from "../../support/fields.ts";

/** Objects that stand within others are named there. */
const names = new Map<z.ZodType, string>([...OBJECTS].map(([name, schema]) => [schema, name]));

describe("the page about automation", () => {
  const documented = documentedFields();

  it("describes every object and every event, and no other", () => {
    expect([...documented.keys()].sort()).toEqual([...OBJECTS.keys()].sort());
  });

  it.each([...OBJECTS])("lists the fields of %s with their types, in their order", (name, schema) => {
    const fields = fieldsOf(schema, (inner) => (inner === schema ? undefined : names.get(inner)));
    expect(documented.get(name)).toEqual(fields);
  });

  it("says of each command that has --json what it prints", () => {
    const commands = [...documentedCommands().keys()];
    const plain = commands.map((command) => command.replace(/ --.*/, ""));
    const withJson = COMMANDS.filter(({ options }) => "json" in options).map(({ words }) => words.join(" "));
    expect([...new Set(plain)].sort()).toEqual(withJson.sort());
    for (const headings of documentedCommands().values()) {
      expect(headings.length).toBeGreaterThan(0);
      for (const heading of headings) expect([...OBJECTS.keys()]).toContain(heading);
    }
  });

  it("has examples that are what they claim to be", () => {
    const examples = documentedExamples();
    expect(examples.length).toBeGreaterThan(2);
    for (const example of examples) expect([example, kindOf(example, [...OBJECTS.keys()])]).not.toContain(undefined);
  });

  it("has scripts that a shell can read", () => {
    const scripts = documentedScripts();
    expect(scripts.length).toBeGreaterThan(5);
    for (const script of scripts) expect(spawnSync("sh", ["-n"], { input: script, encoding: "utf8" }).stderr).toBe("");
  });

  it("lists what a hook is told and what it inherits", () => {
    const { told, inherited: listed } = documentedVariables();
    const line = {
      ...({ v: 1, at: "", id: "", direction: "in", result: "done", entries: 1, bytes: 0, ms: 0, error: null } as const),
      ...{
        peer: { id: "", name: "" },
        items: [],
        count: 0,
        note: null,
        already: { entries: 0, bytes: 0 },
        sourceChanged: false,
        hook: null,
      },
    };
    const all = { ...toldOf({ ...line, items: [itemAt("/inbox/a")], count: 1 }), ...inherited({}, "", "") };
    const ours = Object.keys(all).filter((name) => name.startsWith("LANXFER_"));
    expect(told.toSorted()).toEqual([...ours, "LANXFER_ATTEMPT"].sort());
    expect(listed.toSorted()).toEqual([...INHERITED, "LC_*"].sort());
  });

  it("has no link within itself that leads nowhere", () => {
    expect(brokenLinks()).toEqual([]);
  });
});

function itemAt(path: string) {
  return { name: "a", type: "file" as const, as: "a", path, root: null, there: false };
}
