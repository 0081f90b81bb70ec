/** Metrics of daemons that did something. */

import { request } from "node:http";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { Room, type TestDaemon } from "../support/daemons.ts";
import { Mallory } from "../support/mallory.ts";
import { eventually } from "../support/process.ts";

function page(daemon: TestDaemon): Promise<{ type: string; text: string }> {
  const socketPath = path.join(daemon.home, "run", "control.sock");
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: "/metrics", agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      answer.on("end", () => resolve({ type: answer.headers["content-type"] ?? "", text }));
    });
    asked.on("error", reject);
    asked.end();
  });
}

async function metricOf(daemon: TestDaemon, metric: string): Promise<number | undefined> {
  const { text } = await page(daemon);
  const line = text.split("\n").find((each) => each.startsWith(`${metric} `));
  return line === undefined ? undefined : Number(line.split(" ").at(-1));
}

describe("the metrics of a daemon", () => {
  it("count what it has sent, received and refused, and tell no names", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    await bert.sees(anna);
    await anna.deliver(bert, [await anna.write("secret-name.txt", "hello")], { note: "secret-note" });
    await bert.client.call("put", "/v1/settings/:name", { param: { name: "limits.transfer" }, json: { value: 3 } });
    await anna.deliver(bert, [await anna.write("large.txt", "too large")]);
    await using mallory = await Mallory.open();
    const stranger = await mallory.connect(bert);
    await stranger.closed();

    expect(await metricOf(anna, 'lanxfer_content_bytes_total{direction="out"}')).toBe(5);
    expect(await metricOf(bert, 'lanxfer_content_bytes_total{direction="in"}')).toBe(5);
    expect(await metricOf(anna, 'lanxfer_transfers_total{direction="out",result="done"}')).toBe(1);
    expect(await metricOf(anna, 'lanxfer_transfers_total{direction="out",result="failed"}')).toBe(1);
    expect(await metricOf(bert, 'lanxfer_transfers_total{direction="in",result="done"}')).toBe(1);
    expect(await metricOf(bert, 'lanxfer_connections_refused_total{reason="E_NOT_PAIRED"}')).toBe(1);
    expect(await metricOf(bert, "lanxfer_peers")).toBe(1);
    expect(await metricOf(bert, "lanxfer_paired_devices")).toBe(1);
    expect(await metricOf(bert, "process_resident_memory_bytes")).toBeGreaterThan(1e7);
    expect(await metricOf(bert, 'lanxfer_event_loop_delay_seconds{statistic="max"}')).toBeGreaterThanOrEqual(0);
    const { type, text } = await page(bert);
    expect(type).toMatch(/^text\/plain; version=0\.0\.4/);
    for (const name of ["anna", "secret", anna.id.slice(0, 8), bert.home]) expect(text).not.toContain(name);
  });

  it("tell how much waits, and for how long", async () => {
    await using room = await Room.open();
    const [anna, bert] = await room.pair();
    expect(await metricOf(anna, "lanxfer_queue_oldest_seconds")).toBe(0);
    await bert.stop();
    const { id } = await anna.send(bert, [await anna.write("a", "a")], { queue: {} });
    await eventually("it is queued", async () => {
      return (await metricOf(anna, 'lanxfer_queue_transfers{state="queued"}')) === 1 || undefined;
    });
    expect(await metricOf(anna, "lanxfer_queue_oldest_seconds")).toBeGreaterThan(0);
    await anna.client.call("delete", "/v1/transfers/:id", { param: { id } });
    await anna.ended(id);
    expect(await metricOf(anna, 'lanxfer_queue_transfers{state="queued"}')).toBe(0);
    expect(await metricOf(anna, 'lanxfer_transfers_total{direction="out",result="cancelled"}')).toBe(1);
  });
});
