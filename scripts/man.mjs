// Completes the manual: docs/man has the pages as people write them, with lines
// such as `.\" @commands` where a list belongs that the programs have as a table.
// Such a list is rendered from that table, so that it cannot be out of date.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";

const WIDTH = 78; // columns of a line of text, below the 80 that mandoc asks for

/** Renders the pages for the programs in `root`/dist, into dist/man. */
export async function renderManual(root) {
  const built = (file) => import(pathToFileURL(join(root, "dist", file)).href);
  const [program, ctl, daemon, settings] = await Promise.all(
    ["ctl/program.js", "ctl/arguments.js", "daemon/arguments.js", "daemon/host/settings.js"].map(built),
  );
  const lists = {
    commands: list(program.COMMANDS.map(commandEntry)),
    options: optionList(ctl.GLOBAL_OPTIONS),
    "daemon-options": optionList(daemon.OPTIONS),
    settings: list(settingEntries(settings)),
  };
  mkdirSync(join(root, "dist/man"), { recursive: true });
  for (const page of readdirSync(join(root, "docs/man"))) {
    const text = readFileSync(join(root, "docs/man", page), "utf8");
    const filled = text.replace(/^\.\\" @(.+)$/gm, (line, name) => {
      if (!Object.hasOwn(lists, name)) throw new Error(`docs/man/${page}: no list is called so: ${line}`);
      return lists[name];
    });
    writeFileSync(join(root, "dist/man", page), filled);
  }
}

function commandEntry({ words, summary, positionals, options }) {
  const given = Object.keys(options).length === 0 ? "" : " Oo Ar option ... Oc";
  const wanted = positionals.map(({ name, arity, choices }) => {
    const value = choices === undefined ? `Ar ${name}` : choices.map((choice) => `Cm ${choice}`).join(" | ");
    return { one: ` ${value}`, optional: ` Op ${value}`, many: ` ${value} ...` }[arity];
  });
  const about = positionals.map(({ name, summary: meaning }) => ({ head: `Ar ${name}`, body: sentence(meaning) }));
  const details = [...about, ...optionEntries(options)];
  const body = [sentence(summary), ...(details.length > 0 ? [list(details, " -compact")] : [])];
  return { head: `Ic ${words.join(" ")}${given}${wanted.join("")}`, body: body.join("\n") };
}

function optionList(options) {
  return list(optionEntries(options));
}

function optionEntries(options) {
  return Object.entries(options).map(([name, { short, summary, parse, takes = parse && name, bare }]) => {
    const letter = short === undefined ? "" : `Fl ${short} , `;
    const value = takes === undefined ? "" : bare === undefined ? ` Ar ${takes}` : ` Ns Op = Ns Ar ${takes}`;
    return { head: `${letter}Fl -${name}${value}`, body: sentence(summary) };
  });
}

function settingEntries({ SETTINGS, defaultSettings, variableOf }) {
  const defaults = defaultSettings("~", "hostname");
  return Object.entries(SETTINGS).map(([name, { schema, description, live }]) => {
    const value = JSON.stringify(defaults[name]);
    const lines = [
      sentence(description),
      sentence(`${kindOf(z.toJSONSchema(schema, { io: "input" }))}; ${value} by default`),
      ...(live ? [] : [sentence("a change takes effect at the next start of lanxferd")]),
      "Overruled by",
      `.Ev ${variableOf(name)} .`,
    ];
    return { head: `Va ${name}`, body: lines.join("\n") };
  });
}

/** What a value may be, from its JSON Schema. */
function kindOf({ type, enum: choices, minimum, maximum }) {
  if (choices !== undefined) return `one of ${choices.join(", ")}`;
  if (type === "boolean") return "true or false";
  if (type === "array") return "a list of texts";
  if (type === "string") return "text";
  if (type !== "integer") throw new Error(`no words for a setting of the type ${type}`);
  return maximum === Number.MAX_SAFE_INTEGER
    ? `a whole number of at least ${minimum}`
    : `a whole number from ${minimum} to ${maximum}`;
}

function list(entries, how = "") {
  return [`.Bl -tag -width Ds${how}`, ...entries.map(({ head, body }) => `.It ${head}\n${body}`), ".El"].join("\n");
}

/** A summary as a sentence, in lines of text that mean nothing to mdoc. */
function sentence(text) {
  const whole = `${text.charAt(0).toUpperCase()}${text.slice(1)}.`.replaceAll("\\", "\\e");
  const lines = [""];
  for (const word of whole.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (longer.length <= WIDTH) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.map((line) => line.replace(/^(?=[.'])/, "\\&")).join("\n");
}
