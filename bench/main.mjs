// Measures lanxfer against what people use today: same bytes, same machine,
// same link, everybody in turn within every round. See --help.

import { compare } from "./compare.mjs";
import { readOptions, USAGE } from "./options.mjs";
import { describeResults } from "./report.mjs";

const interrupt = new AbortController();
process.once("SIGINT", () => interrupt.abort(130)).once("SIGTERM", () => interrupt.abort(143));
// A reader that leaves early (`| head`) must not leave servers running behind it.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => interrupt.abort(1));

try {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(USAGE);
  } else {
    const progress = options.json ? () => {} : (/** @type {string} */ line) => console.error(line);
    const report = await compare(options, progress, interrupt.signal);
    console.log(options.json ? JSON.stringify({ v: 1, ...report }) : describeResults(report));
  }
} catch (error) {
  if (!interrupt.signal.aborted) console.error(`bench: ${error instanceof Error ? error.message : error}`);
  process.exitCode = interrupt.signal.aborted ? interrupt.signal.reason : 1;
}
