/** Packet filters of a host, of which each is a table that can be taken away again. */

import type { Host } from "./hosts.ts";

/** Drops what `rules` match (nftables, without the verdict) on its way in and out; resolves to how to end that. */
export async function drop(host: Host, ...rules: readonly string[]): Promise<() => Promise<void>> {
  const chain = (hook: "input" | "output") =>
    `chain ${hook} { type filter hook ${hook} priority 0; ${rules.map((rule) => `${rule} drop; `).join("")}}`;
  await nft(host, ["-f", "-"], `table inet dropped {\n${chain("input")}\n${chain("output")}\n}\n`);
  return () => nft(host, ["delete", "table", "inet", "dropped"]);
}

async function nft(host: Host, args: readonly string[], stdin = ""): Promise<void> {
  const { code, stderr } = await host.run(["nft", ...args], { stdin });
  if (code !== 0) throw new Error(`nft ${args.join(" ")}: ${stderr}`);
}
