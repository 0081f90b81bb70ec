/** The unit by which systemd starts lanxferd: whether there is one, and whether what it names is still there. */

import { access, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { safe } from "../../core/text.ts";
import { type Check, type Judged, ok, problem } from "./finding.ts";

export interface ServiceFacts {
  readonly platform: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const SYSTEM = ["/etc/systemd/system", "/usr/lib/systemd/system", "/usr/lib/systemd/user", "/etc/systemd/user"];
const UNIT = /^lanxferd(@[^/]*)?\.service$/;
const INSTALL = "lanxferctl service install";

export function serviceChecks(facts: ServiceFacts): Check[] {
  if (facts.platform !== "linux") return [];
  return [{ name: "service", look: () => look(facts) }];
}

async function look({ home, env }: ServiceFacts): Promise<Judged[]> {
  const config = env["XDG_CONFIG_HOME"]?.startsWith("/") ? env["XDG_CONFIG_HOME"] : join(home, ".config");
  const judged: Judged[] = [];
  for (const directory of [join(config, "systemd", "user"), ...SYSTEM]) {
    const names = await readdir(directory).catch(() => []);
    for (const name of names.filter((each) => UNIT.test(each))) judged.push(await lookAtUnit(join(directory, name)));
  }
  return judged.length > 0 ? judged : [ok(`no service is installed: "${INSTALL}" does that`)];
}

async function lookAtUnit(path: string): Promise<Judged> {
  const programs = programsOf(await readFile(path, "utf8").catch(() => ""));
  for (const program of programs) {
    const isThere = await access(program).then(
      () => true,
      () => false,
    );
    if (!isThere) {
      const text = `${safe(path)} starts ${safe(program)}, which is not there any more`;
      return problem(text, `run: ${INSTALL}${path.includes("@") ? " --system" : ""}`);
    }
  }
  return ok(`installed: ${safe(path)}`);
}

/** The absolute paths in ExecStart= (systemd.service(5)), without its prefixes and quotes. Pure. */
export function programsOf(unit: string): string[] {
  const command = /^ExecStart=[@:+!|-]*(.*)$/m.exec(unit)?.[1] ?? "";
  const words = [...command.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
  return words.map((word) => word.replace(/\\(.)/g, "$1").replaceAll("%%", "%")).filter((word) => word.startsWith("/"));
}
