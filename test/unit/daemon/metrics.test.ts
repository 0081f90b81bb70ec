import { describe, expect, it } from "vitest";
import { LoopDelay, usage } from "../../../src/daemon/host/usage.ts";
import { Metrics, type Standing } from "../../../src/daemon/record/metrics.ts";
import { Tally } from "../../../src/daemon/record/tally.ts";
import { documentedMetrics } from "../../support/automation-page.ts";
import { SkippingClock } from "../../support/skipping-clock.ts";

const STANDING: Standing = {
  version: "0.1.0",
  node: "v20.20.2",
  startedAt: 1_770_000_000_500,
  peers: 3,
  devices: 2,
  running: { in: 1, out: 0 },
  queue: { queued: 4, paused: 1, waiting: 2, oldest: 61.5 },
  offers: 1,
  hooks: 5,
  refused: { tls: 7, E_NOT_PAIRED: 1 },
  usage: { resident: 90_000_000, heap: 20_000_000, cpu: 1.5 },
  delay: { mean: 0.001, p99: 0.01, max: 0.25 },
};

/** The lines of a page that are values. */
const values = (text: string) => text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));

describe("the metrics", () => {
  it("say where everything stands, in the text format of Prometheus", async () => {
    const tally = new Tally();
    tally.changed({ direction: "in", moved: 5, resumed: 0, already: 0 });
    tally.ended("in", "done");
    tally.ended("out", "failed");
    const { type, text } = await new Metrics(tally, () => STANDING).page();
    expect(type).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(values(text)).toEqual([
      'lanxfer_info{version="0.1.0",node="v20.20.2"} 1',
      'lanxfer_content_bytes_total{direction="in"} 5',
      'lanxfer_content_bytes_total{direction="out"} 0',
      'lanxfer_transfers_total{direction="in",result="done"} 1',
      'lanxfer_transfers_total{direction="in",result="failed"} 0',
      'lanxfer_transfers_total{direction="in",result="cancelled"} 0',
      'lanxfer_transfers_total{direction="out",result="done"} 0',
      'lanxfer_transfers_total{direction="out",result="failed"} 1',
      'lanxfer_transfers_total{direction="out",result="cancelled"} 0',
      'lanxfer_transfers_running{direction="in"} 1',
      'lanxfer_transfers_running{direction="out"} 0',
      'lanxfer_queue_transfers{state="queued"} 4',
      'lanxfer_queue_transfers{state="paused"} 1',
      'lanxfer_queue_transfers{state="waiting"} 2',
      "lanxfer_queue_oldest_seconds 61.5",
      "lanxfer_offers 1",
      "lanxfer_peers 3",
      "lanxfer_paired_devices 2",
      'lanxfer_connections_refused_total{reason="tls"} 7',
      'lanxfer_connections_refused_total{reason="E_NOT_PAIRED"} 1',
      "lanxfer_hooks_pending 5",
      'lanxfer_hooks_total{result="done"} 0',
      'lanxfer_hooks_total{result="failed"} 0',
      'lanxfer_event_loop_delay_seconds{statistic="mean"} 0.001',
      'lanxfer_event_loop_delay_seconds{statistic="p99"} 0.01',
      'lanxfer_event_loop_delay_seconds{statistic="max"} 0.25',
      "process_resident_memory_bytes 90000000",
      "nodejs_heap_size_used_bytes 20000000",
      "process_start_time_seconds 1770000000.5",
      "process_cpu_seconds_total 1.5",
    ]);
  });

  it("are sums, however often they are asked for", async () => {
    const tally = new Tally();
    const metrics = new Metrics(tally, () => STANDING);
    const record = { direction: "out" as const, moved: 0, resumed: 0, already: 0 };
    for (const moved of [1, 3, 10]) {
      tally.changed(Object.assign(record, { moved }));
      expect((await metrics.page()).text).toContain(`lanxfer_content_bytes_total{direction="out"} ${moved}\n`);
    }
    expect(values((await metrics.page()).text)).toContain('lanxfer_connections_refused_total{reason="tls"} 7');
  });

  it("are those of the page about automation, with their types and labels", async () => {
    const { text } = await new Metrics(new Tally(), () => STANDING).page();
    const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = "", type = ""]) => {
      const labels = new RegExp(`^${name}\\{([^}]*)\\}`, "m").exec(text)?.[1] ?? "";
      return { name, type, labels: [...labels.matchAll(/(\w+)="/g)].map(([, label = ""]) => label) };
    });
    expect(documentedMetrics()).toEqual(types);
  });
});

describe("what is counted of transfers", () => {
  it("is what was confirmed, once, whatever attempts it took", () => {
    const tally = new Tally();
    const record = { direction: "in" as "in" | "out", moved: 0, resumed: 0, already: 0 };
    const change = (of: Partial<typeof record>) => tally.changed(Object.assign(record, of));
    change({ moved: 70 });
    change({ moved: 64, resumed: 64 }); // a second attempt goes on from a checkpoint
    change({ moved: 66 });
    expect(tally.bytes).toEqual({ in: 70, out: 0 });
    change({ moved: 100 });
    change({});
    expect(tally.bytes.in).toBe(100);
    // Of one that an earlier run began, only what this one moved.
    tally.changed({ direction: "out", moved: 50, resumed: 50, already: 0 });
    expect(tally.bytes.out).toBe(0);
  });
});

describe("the delay of the event loop", () => {
  it("is watched from the first question on, and told since the last one", async () => {
    const clock = new SkippingClock();
    const delay = new LoopDelay(clock);
    expect(delay.read()).toBeUndefined();
    await clock.sleep(100);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600); // a loop that is blocked
    await clock.sleep(100);
    const blocked = delay.read();
    expect(blocked?.max).toBeGreaterThan(0.5);
    expect(blocked?.mean).toBeLessThan(blocked?.max ?? 0);
    await clock.sleep(200);
    expect(delay.read()?.max).toBeLessThan(0.5);
    delay.close();
    expect(delay.read()).toBeUndefined();
    delay.close();
  });

  it("is not watched any more when nobody asks for ten minutes", () => {
    const clock = new SkippingClock();
    const delay = new LoopDelay(clock);
    delay.read();
    clock.skip(9 * 60_000);
    expect(delay.read()).toBeDefined();
    clock.skip(10 * 60_000 + 1);
    expect(delay.read()).toBeUndefined();
    delay.close();
  });
});

describe("what this process uses", () => {
  it("is more than nothing", () => {
    const { resident, heap, cpu } = usage();
    expect(resident).toBeGreaterThan(heap);
    expect(heap).toBeGreaterThan(1_000_000);
    expect(cpu).toBeGreaterThan(0.01);
  });
});
