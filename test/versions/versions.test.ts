/**
 * The other Nodes that lanxfer is for, beside the oldest, which runs all suites:
 * the newest of each line that is supported. What is pure runs there in full, of
 * what runs real daemons the parts that lean on Node most: TLS, files, streams.
 */

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { nodeFor } from "../../scripts/package/node-distribution.mjs";
import { freePort } from "../support/daemons.ts";
import { Home } from "../support/home.ts";
import { must, run } from "../support/process.ts";
import { copied, differences, readTree } from "../support/tree.ts";

const CHECKOUT = fileURLToPath(new URL("../../", import.meta.url));
/** Shared with the package that brings a Node. */
const SCRATCH = path.join(CHECKOUT, "build/package/scratch/node");
const VERSIONS = ["22.23.3", "24.21.0"] as const;
const CLUSTER = ["delivery", "streams", "trust"];
/** Gigabytes say nothing about a version. */
const LIGHT = "^(?!.*GiB)";

interface Report {
  readonly numTotalTests: number;
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

const programOf = (version: string) => path.join(nodeFor(version, process.arch, SCRATCH), "bin/node");

/** Runs suites of this checkout by another Node. */
async function suites(node: string, ...args: readonly string[]): Promise<Report> {
  const directory = await mkdtemp(path.join(CHECKOUT, "build/versions-"));
  try {
    const file = path.join(directory, "report.json");
    // What fails now and then has reasons of its own, which the suites themselves are there to show.
    const vitest = [path.join(CHECKOUT, "node_modules/vitest/vitest.mjs"), "run", "--retry=2"];
    const report = ["--reporter=json", `--outputFile.json=${file}`];
    // How it ends is told by the report, too, and there with the reasons.
    await run([node, ...vitest, ...report, ...args], { cwd: CHECKOUT, timeoutMs: 170_000 });
    return JSON.parse(await readFile(file, "utf8"));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function failuresOf({ testResults }: Report): string[] {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = tests.filter(({ status }) => status === "failed");
  return [
    ...testResults
      .filter(({ assertionResults }) => assertionResults.length === 0)
      .map(({ name, message }) => `${name}: ${message}`),
    ...failed.map(({ fullName, failureMessages }) => `${fullName}: ${failureMessages.join("\n")}`),
  ];
}

describe.each(VERSIONS)("With Node %s", (version) => {
  const node = programOf(version);

  it("everything that is pure does what it does with the oldest one", async () => {
    expect(await must([node, "--version"])).toBe(`v${version}\n`);
    const report = await suites(node, "--project=unit", "--no-isolate");
    expect(failuresOf(report).join("\n\n")).toBe("");
    expect(report.numPassedTests).toBeGreaterThan(3_000);
  });

  it("daemons pair, deliver, go on and refuse as they do with the oldest one", async () => {
    const files = CLUSTER.map((name) => `test/cluster/${name}.test.ts`);
    const report = await suites(node, "--project=cluster", `--testNamePattern=${LIGHT}`, ...files);
    expect(failuresOf(report).join("\n\n")).toBe("");
    expect(report.numPassedTests).toBeGreaterThan(40);
  });
});

describe("Daemons of all versions", () => {
  it("deliver to each other, in all pairings", async () => {
    const make = async (node: string, at: number) =>
      await Home.make({ LANXFER_NAME: `node${at}`, LANXFER_PORT: String(await freePort()) }, node);
    await using oldest = await make(process.execPath, 0);
    await using middle = await make(programOf(VERSIONS[0]), 1);
    await using newest = await make(programOf(VERSIONS[1]), 2);
    const all = [oldest, middle, newest];
    for (const [at, home] of all.entries()) {
      await home.ready();
      await mkdir(home.path(`from${at}`));
      await writeFile(home.path(`from${at}/small é.txt`), "hello");
      await writeFile(home.path(`from${at}/large.bin`), Buffer.alloc(3_000_017, at + 1));
    }
    for (const [at, home] of all.entries()) {
      for (const other of all.slice(at + 1)) expect((await home.pairWith(other)).paired).toMatchObject({ code: 0 });
    }
    for (const [at, home] of all.entries()) {
      const others = all.map((_, other) => `node${other}`).filter((name) => name !== `node${at}`);
      expect(await home.ctl("send", others.join(","), `from${at}`)).toMatchObject({ code: 0 });
      for (const other of all) {
        if (other === home) continue;
        const arrived = await readTree(path.join(other.directory, `LanInbox/from${at}`));
        expect(differences(await readTree(home.path(`from${at}`)), arrived, copied)).toEqual([]);
      }
    }
  });
});
