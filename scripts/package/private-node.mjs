// A Node of the package's own, for systems whose Node is too old.
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { nodeFor } from "./node-distribution.mjs";

export const NODE_VERSION = "24.21.0";

/** Puts the program `node` for a CPU into the folder `target`, and returns the text of its license. */
export function addPrivateNode(target, cpu, scratch) {
  const node = nodeFor(NODE_VERSION, cpu, scratch);
  mkdirSync(target, { recursive: true });
  copyFileSync(join(node, "bin/node"), join(target, "node"));
  return readFileSync(join(node, "LICENSE"), "utf8").trim();
}
