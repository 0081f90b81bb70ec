import { beforeEach, describe, expect, it } from "vitest";
import { doublesOf } from "../../../src/discovery/echoes.ts";
import { isWanted } from "../../../src/discovery/peer-table.ts";
import { MAX_PEERS, MAX_PER_SOURCE } from "../../../src/discovery/room.ts";
import { idOf } from "./support/packets.ts";
import { endpoint, OWN, TableBench } from "./support/table.ts";

const anna = idOf("anna");
let bench: TableBench;

beforeEach(() => {
  bench = new TableBench();
});

describe("who announces the id of this device", () => {
  it("is no peer, and is asked for its key, again and again as long as it has ours", () => {
    bench.hear("own", "192.0.2.7", { id: OWN, name: "desk2" });
    expect([bench.peers, bench.told, bench.asked]).toEqual([[], [], ["192.0.2.7"]]);
    bench.answer({ "192.0.2.7": OWN }).hear("own", "192.0.2.7", { id: OWN, name: "desk2" });
    expect(doublesOf(bench.table.echoes)).toEqual(["desk2"]);
    for (let minute = 0; minute < 7; minute++) {
      bench.pass(60_000);
      expect(bench.asked).toEqual(["192.0.2.7"]);
      bench.answer(minute < 4 ? { "192.0.2.7": OWN } : {});
    }
    expect(doublesOf(bench.table.echoes)).toEqual([]);
    bench.pass(600_000);
    expect(bench.open).toEqual([]);
  });

  it("is asked once where it does not have ours", () => {
    for (let round = 0; round < 11; round++) {
      bench.hear("own", "192.0.2.7", { id: OWN }).answer({ "192.0.2.7": anna }).pass(5000);
    }
    expect(bench.open).toEqual([]);
    expect(doublesOf(bench.table.echoes)).toEqual([]);
    expect(bench.told).toEqual([]);
  });
});

describe("a peer that is heard", () => {
  it("is there at once, with the address it was heard from, and nobody probes it", () => {
    bench.hear("anna", "192.0.2.7");
    expect(bench.told).toEqual(["up anna present"]);
    expect(bench.peers).toEqual([
      {
        id: anna,
        name: "anna",
        endpoints: [{ address: "192.0.2.7", port: 4711, interface: "eth0", source: "mdns" }],
        state: "present",
        seenAt: 1_700_000_000_000,
      },
    ]);
    expect(bench.open).toEqual([]);
  });

  it("stays without events and without probes as long as it is heard", () => {
    for (let round = 0; round < 20; round++) bench.hear("anna", "192.0.2.7").pass(5000);
    expect(bench.told).toEqual(["up anna present"]);
    expect(bench.open).toEqual([]);
  });

  it("is never this device itself", () => {
    bench.hear("own", "192.0.2.7", { id: OWN });
    expect(bench.peers).toEqual([]);
  });

  it("is told as changed when it has another name, and when it was started anew", () => {
    bench.hear("anna", "192.0.2.7").hear("anna", "192.0.2.7", { name: "Anna" });
    bench.hear("anna", "192.0.2.7", { name: "Anna", boot: "boot2" });
    expect(bench.told).toEqual(["up anna present", "changed Anna present", "changed Anna present"]);
  });

  it("is one peer when several of its interfaces are heard, on several of ours", () => {
    const both = () => bench.hear("anna", "192.0.2.7").hear("anna", "198.51.100.7", {}, "wlan0");
    both();
    for (let round = 0; round < 10; round++) {
      bench.pass(5000);
      both();
    }
    expect(bench.addresses("anna").sort()).toEqual(["192.0.2.7", "198.51.100.7"]);
    expect(bench.told).toEqual(["up anna present", "changed anna present"]);
    expect(bench.open).toEqual([]);
  });

  it("has the addresses of its records after the one it talks from", () => {
    bench.hear("anna", "192.0.2.7", { addresses: ["192.0.2.9", "192.0.2.7", "fe80::7%eth0"] });
    expect(bench.addresses("anna")).toEqual(["192.0.2.7", "192.0.2.9", "fe80::7%eth0"]);
  });

  it("has addresses of both families in turn, so that one that does not work costs one attempt", () => {
    const addresses = ["2001:db8::7", "2001:db8::8", "192.0.2.9"];
    bench.hear("anna", "fe80::7%eth0", { addresses }).hear("anna", "192.0.2.7", { addresses });
    expect(bench.addresses("anna")).toEqual(["192.0.2.7", "fe80::7%eth0", "192.0.2.9", "2001:db8::7", "2001:db8::8"]);
  });

  it("keeps an address by which it is not heard any more as long as its records name it", () => {
    bench.hear("anna", "fe80::7%eth0").hear("anna", "192.0.2.7");
    for (let round = 0; round < 10; round++)
      bench.pass(5000).hear("anna", "192.0.2.7", { addresses: ["192.0.2.7", "fe80::7%eth0"] });
    expect(bench.addresses("anna")).toEqual(["192.0.2.7", "fe80::7%eth0"]);
    expect(bench.told).toEqual(["up anna present", "changed anna present"]);
  });

  it("has its new address first when it moves, and the old one not for long", () => {
    bench.hear("anna", "192.0.2.7").pass(5000).hear("anna", "192.0.2.8");
    expect(bench.addresses("anna")).toEqual(["192.0.2.8", "192.0.2.7"]);
    for (let round = 0; round < 4; round++) bench.pass(5000).hear("anna", "192.0.2.8");
    expect(bench.addresses("anna")).toEqual(["192.0.2.8"]);
  });

  it("has an address first again to which it returns", () => {
    bench.hear("anna", "192.0.2.7").pass(5000).hear("anna", "192.0.2.8").pass(5000).hear("anna", "192.0.2.7");
    expect(bench.addresses("anna")).toEqual(["192.0.2.7", "192.0.2.8"]);
  });
});

describe("a peer that falls silent", () => {
  beforeEach(() => {
    bench.hear("anna", "192.0.2.7").pass(5500);
    expect(bench.told).toEqual(["up anna present"]);
    bench.pass(500);
  });

  it("is suspect when a round has passed without it, and is asked", () => {
    expect(bench.told.slice(1)).toEqual(["changed anna suspect"]);
    expect(bench.asked).toEqual(["192.0.2.7"]);
  });

  it("is gone when nobody answers", () => {
    bench.answer({});
    expect(bench.told.slice(2)).toEqual(["down anna suspect"]);
    expect(bench.peers).toEqual([]);
  });

  it("is gone when another device answers", () => {
    bench.answer({ "192.0.2.7": idOf("bert") });
    expect(bench.peers).toEqual([]);
  });

  it("stays when it answers", () => {
    bench.answer({ "192.0.2.7": anna });
    expect(bench.told.slice(2)).toEqual(["changed anna present"]);
  });

  it("stays when it is heard again before the answer comes, whatever the answer is", () => {
    bench.hear("anna", "192.0.2.7").answer({});
    expect(bench.told.slice(2)).toEqual(["changed anna present"]);
  });

  it("is asked ever more rarely when it always answers, as where no multicast arrives", () => {
    let probes = 0;
    for (let second = 0; second < 600; second++) {
      probes += bench.open.length;
      bench.answer({ "192.0.2.7": anna }).pass(1000);
    }
    expect(bench.peer("anna")?.state).toBe("present");
    expect(probes).toBeGreaterThan(10);
    expect(probes).toBeLessThan(20);
  });

  it("goes only when it was found at none of its addresses", () => {
    bench.answer({ "192.0.2.7": anna }).hear("anna", "192.0.2.8").answer({ "192.0.2.8": anna }).pass(8000);
    expect(bench.asked.sort()).toEqual(["192.0.2.7", "192.0.2.8"]);
    bench.answer({ "192.0.2.8": anna });
    expect(bench.addresses("anna")).toEqual(["192.0.2.8", "192.0.2.7"]);
    expect(bench.peer("anna")?.state).toBe("present");
  });
});

describe("a silent peer with several addresses", () => {
  beforeEach(() => {
    bench.hear("anna", "192.0.2.7", { addresses: ["192.0.2.8", "fe80::7%eth0"] }).pass(5900);
  });

  it("is asked at the best of them only, when it answers there", () => {
    expect(bench.asked).toEqual(["192.0.2.7"]);
    bench.answer({ "192.0.2.7": anna }).pass(1000);
    expect(bench.asked).toEqual([]);
    expect(bench.peer("anna")?.state).toBe("present");
  });

  it("is asked at the others when that one says no", () => {
    const [refused] = bench.open.splice(0);
    if (refused === undefined) throw new Error("nobody was asked");
    bench.apply({ kind: "probed", probe: refused, answer: undefined });
    expect(bench.asked).toEqual(["192.0.2.8", "fe80::7%eth0"]);
    bench.answer({ "192.0.2.8": anna });
    expect(bench.addresses("anna")).toEqual(["192.0.2.8", "192.0.2.7", "fe80::7%eth0"]);
  });

  it("is asked at the others when that one says nothing for a moment", () => {
    bench.pass(250);
    expect(bench.asked).toEqual(["192.0.2.7", "192.0.2.8", "fe80::7%eth0"]);
    bench.pass(5000);
    expect(bench.asked).toHaveLength(3);
    bench.answer({});
    expect(bench.peers).toEqual([]);
  });
});

describe("a question", () => {
  it("is a sign of life of whom it names, at the addresses that it has on that link", () => {
    bench.hear("anna", "192.0.2.7", { addresses: ["fe80::7%eth0"] });
    for (let round = 0; round < 10; round++) bench.pass(5000).question("anna", "192.0.2.7");
    expect(bench.told).toEqual(["up anna present"]);
    expect(bench.open).toEqual([]);
    expect(bench.addresses("anna")).toEqual(["192.0.2.7", "fe80::7%eth0"]);
  });

  it("from an address that it has never talked from is none", () => {
    bench.hear("anna", "192.0.2.7", { addresses: ["192.0.2.66"] });
    bench.pass(5000).question("anna", "192.0.2.66").pass(800);
    expect(bench.asked).toEqual(["192.0.2.7"]);
  });

  it("ends a doubt", () => {
    bench.hear("anna", "192.0.2.7").goodbye("anna").question("anna", "192.0.2.7").answer({});
    expect(bench.peer("anna")?.state).toBe("present");
  });

  it("of somebody unknown is nothing", () => {
    bench.question("zoe", "192.0.2.7");
    expect(bench.told).toEqual([]);
  });
});

describe("somebody who dials a peer for reasons of his own", () => {
  const tried = (address: string, answer: typeof anna | undefined) => {
    const probe = { kind: "peer", id: anna, endpoint: endpoint(address, "mdns") } as const;
    bench.apply({ kind: "probed", probe, answer });
  };

  it("has what worked tried first the next time, and what failed last", () => {
    bench.hear("anna", "192.0.2.7", { addresses: ["192.0.2.8", "fe80::7%eth0"] });
    tried("192.0.2.7", undefined);
    tried("fe80::7%eth0", anna);
    expect(bench.addresses("anna")).toEqual(["fe80::7%eth0", "192.0.2.8", "192.0.2.7"]);
    expect(bench.peer("anna")?.state).toBe("present");
  });

  it("does not make us more patient with a silence that follows", () => {
    bench.hear("anna", "192.0.2.7");
    for (let n = 0; n < 10; n++) tried("192.0.2.7", anna);
    bench.pass(6000);
    expect(bench.asked).toEqual(["192.0.2.7"]);
  });
});

describe("a goodbye", () => {
  it("is checked at once, and believed when nobody answers", () => {
    bench.hear("anna", "192.0.2.7").goodbye("anna");
    expect(bench.told).toEqual(["up anna present", "changed anna suspect"]);
    bench.answer({});
    expect(bench.peers).toEqual([]);
  });

  it("in another's name takes nobody away", () => {
    bench.hear("anna", "192.0.2.7").goodbye("anna").answer({ "192.0.2.7": anna });
    expect(bench.peer("anna")?.state).toBe("present");
  });

  it("again and again causes a probe every few seconds and no more", () => {
    bench.hear("anna", "192.0.2.7");
    let probes = 0;
    for (let second = 0; second < 30; second++) {
      for (let n = 0; n < 100; n++) bench.goodbye("anna");
      probes += bench.open.length;
      bench.answer({ "192.0.2.7": anna }).pass(1000);
    }
    expect(probes).toBeGreaterThan(5);
    expect(probes).toBeLessThanOrEqual(11);
    expect(bench.peer("anna")).toBeDefined();
  });

  it("of somebody unknown is nothing", () => {
    bench.goodbye("zoe");
    expect(bench.told).toEqual([]);
  });
});

describe("an interface of ours that goes", () => {
  it("puts in doubt whom we heard over it, and nobody else", () => {
    bench.hear("anna", "192.0.2.7").hear("bert", "198.51.100.7", {}, "wlan0");
    bench.apply({ kind: "lost", interface: "wlan0" });
    expect(bench.peer("anna")?.state).toBe("present");
    expect(bench.peer("bert")?.state).toBe("suspect");
    expect(bench.asked).toEqual(["198.51.100.7"]);
  });
});

describe("a user who asks", () => {
  it("has those asked that do not answer, and the others left alone", () => {
    bench.hear("anna", "192.0.2.7").hear("bert", "192.0.2.8").pass(2000);
    bench.hear("bert", "192.0.2.8").pass(250).answered(300);
    expect(bench.asked).toEqual(["192.0.2.7"]);
  });

  it("has those left alone at first that have just answered somebody else, and therefore do not answer him", () => {
    bench.hear("anna", "192.0.2.7").pass(1000).answered(250);
    expect(bench.asked).toEqual([]);
    bench.pass(1000).answered(250);
    expect(bench.asked).toEqual(["192.0.2.7"]);
  });
});

describe("somebody who announces another's id", () => {
  const everybody = { "192.0.2.7": anna };

  it("adds an address behind the true one as soon as they have been asked", () => {
    bench.hear("anna", "192.0.2.7").pass(7000).answer(everybody).hear("anna", "192.0.2.66", { name: "mallory" });
    bench.pass(3000).hear("anna", "192.0.2.7").answer(everybody);
    expect(bench.addresses("anna")).toEqual(["192.0.2.7", "192.0.2.66"]);
  });

  it("cannot rename it", () => {
    bench.hear("anna", "192.0.2.7").hear("anna", "192.0.2.66", { name: "mallory", boot: "x", instance: "y" });
    expect(bench.peer("anna")?.name).toBe("anna");
    expect(bench.told).toEqual(["up anna present", "changed anna present"]);
  });

  it("cannot make it vanish by a goodbye or by falling silent", () => {
    bench.hear("anna", "192.0.2.7").hear("anna", "192.0.2.66").goodbye("anna").answer(everybody);
    expect(bench.peer("anna")?.state).toBe("present");
    bench.pass(20_000).answer(everybody);
    expect(bench.peer("anna")?.state).toBe("present");
  });

  it.each([
    ["any number of others, after it was heard", ["192.0.2.7", "fakes"], 20],
    ["twenty others, that were there before it", ["fakes", "192.0.2.7"], 0],
  ])("cannot push out its true address with %s", (_, order, jump) => {
    for (let second = 0; second < 60; second++) {
      for (const turn of order) {
        if (turn !== "fakes") bench.hear("anna", turn);
        else for (let n = 0; n < 20; n++) bench.hear("anna", `192.0.2.${100 + ((second * jump + n) % 150)}`);
      }
      bench.answer(everybody).pass(1000);
      expect(bench.addresses("anna").length).toBeLessThanOrEqual(8);
      expect(bench.table.entries.get(anna)?.places.length).toBeLessThanOrEqual(8 + 65); // and those that were refuted
      if (second > 10) expect(bench.addresses("anna")[0]).toBe("192.0.2.7");
    }
  });

  it("cannot have many places asked often", () => {
    let probes = 0;
    for (let second = 0; second < 60; second++) {
      bench.hear("anna", "192.0.2.7");
      for (let n = 0; n < 50; n++) bench.hear("anna", `192.0.2.${100 + ((second * 50 + n) % 150)}`);
      probes += bench.open.length;
      bench.answer(everybody).pass(1000);
    }
    expect(probes).toBeLessThanOrEqual(8 * 21);
  });
});

describe("many peers", () => {
  it("are at most eight strangers from one source, and any number of paired devices", () => {
    for (let n = 0; n < 20; n++) bench.hear(`fake${n}`, "192.0.2.66");
    expect(bench.peers).toHaveLength(MAX_PER_SOURCE);
    for (let n = 0; n < 20; n++) bench.paired.add(idOf(`friend${n}`));
    for (let n = 0; n < 20; n++) bench.hear(`friend${n}`, "192.0.2.66");
    expect(bench.peers).toHaveLength(MAX_PER_SOURCE + 20);
  });

  it("are at most 256, whereof those heard last, and all the paired ones", () => {
    for (const seed of ["anna", "bert"]) bench.paired.add(idOf(seed));
    bench.hear("anna", "192.0.2.7");
    for (let n = 0; n < 10_000; n++) {
      if (n % 100 === 0) bench.pass(10);
      bench.hear(`fake${n}`, `10.0.${(n >> 8) & 255}.${n & 255}`);
      expect(bench.peers.length).toBeLessThanOrEqual(MAX_PEERS);
    }
    bench.hear("bert", "192.0.2.8");
    expect(bench.peers).toHaveLength(MAX_PEERS);
    expect(bench.peer("anna")).toBeDefined();
    expect(bench.peer("bert")).toBeDefined();
    expect(bench.peer("fake9999")).toBeDefined();
    expect(bench.peer("fake0")).toBeUndefined();
  });

  it("lose a suspect before one that is heard, and a stranger finds no room among paired ones only", () => {
    for (let n = 0; n < MAX_PEERS; n++) bench.hear(`peer${n}`, `10.0.0.${n}`);
    bench.goodbye("peer200").hear("late", "10.0.1.1");
    expect(bench.peer("peer200")).toBeUndefined();
    expect(bench.peer("peer0")).toBeDefined();
    for (const { id } of bench.peers) bench.paired.add(id);
    bench.hear("stranger", "10.0.1.2");
    expect(bench.peer("stranger")).toBeUndefined();
    bench.paired.add(idOf("friend"));
    bench.hear("friend", "10.0.1.3");
    expect(bench.peers).toHaveLength(MAX_PEERS);
    expect(bench.peer("friend")).toBeDefined();
  });

  it("do not have their probes made when they are gone", () => {
    bench.hear("anna", "192.0.2.7").goodbye("anna");
    const [probe] = bench.open;
    if (probe === undefined) throw new Error("a goodbye is probed");
    expect(isWanted(bench.table, probe)).toBe(true);
    bench.answer({});
    expect(isWanted(bench.table, probe)).toBe(false);
  });
});

describe("a hint", () => {
  const nas = idOf("nas");
  const there = { "203.0.113.9": nas };
  const hint = (source: "static" | "known", id?: typeof nas) =>
    bench.apply({ kind: "hint", name: "nas", endpoint: endpoint("203.0.113.9", source), id });

  it("is probed at once, shown when it answers, and asked again every ten seconds", () => {
    hint("static");
    expect(bench.asked).toEqual(["203.0.113.9"]);
    expect(bench.peers).toEqual([]);
    bench.answer(there);
    expect(bench.told).toEqual(["up nas present"]);
    expect(bench.peer("nas")?.endpoints).toEqual([endpoint("203.0.113.9", "static")]);
    bench.pass(9000);
    expect(bench.asked).toEqual([]);
    bench.pass(1000);
    expect(bench.asked).toEqual(["203.0.113.9"]);
    bench.answer({});
    expect(bench.told.slice(1)).toEqual(["down nas present"]);
    bench.pass(10_000).answer(there);
    expect(bench.told.slice(2)).toEqual(["up nas present"]);
  });

  it("is asked at once when a user asks, and not twice at a time", () => {
    hint("static").answer({}).apply({ kind: "asked" }).apply({ kind: "asked" });
    expect(bench.asked).toEqual(["203.0.113.9"]);
  });

  it("that must be one device shows no other", () => {
    hint("known", nas).answer({ "203.0.113.9": idOf("mallory") });
    expect(bench.peers).toEqual([]);
  });

  it("at an address of this device shows nothing", () => {
    hint("static").answer({ "203.0.113.9": OWN });
    expect(bench.peers).toEqual([]);
  });

  it("adds an address to a peer that is heard, under the name that the user gave", () => {
    bench.hear("nas", "192.0.2.9", { name: "NAS-4711" });
    hint("static").answer(there);
    expect(bench.peers).toHaveLength(1);
    expect(bench.peer("nas")).toMatchObject({ name: "nas" });
    expect(bench.addresses("nas")).toEqual(["192.0.2.9", "203.0.113.9"]);
    bench.apply({ kind: "unhint", name: "nas" });
    expect(bench.peer("nas")).toMatchObject({ name: "NAS-4711" });
    expect(bench.addresses("nas")).toEqual(["192.0.2.9"]);
  });

  it("of the user is asked although its device is heard, since it may be the better way", () => {
    bench.hear("nas", "192.0.2.9");
    hint("static", nas).answer(there);
    expect(bench.addresses("nas")).toEqual(["192.0.2.9", "203.0.113.9"]);
  });

  it("keeps a peer that is no longer heard, as long as it answers there", () => {
    bench.hear("nas", "192.0.2.9");
    hint("static").answer(there).pass(7000).answer(there);
    expect(bench.addresses("nas")).toEqual(["203.0.113.9"]);
    expect(bench.told.filter((event) => event.startsWith("down"))).toEqual([]);
  });

  it("of an earlier contact is not asked while the device is heard, so that not everybody asks everybody", () => {
    bench.hear("nas", "192.0.2.9");
    hint("known", nas);
    for (let round = 0; round < 10; round++) bench.pass(5000).hear("nas", "192.0.2.9");
    expect(bench.open).toEqual([]);
    bench.pass(7000);
    expect(bench.asked.sort()).toEqual(["192.0.2.9", "203.0.113.9"]);
  });

  it("of an earlier contact is asked ever more rarely while nobody is there, and again on another network", () => {
    hint("known", nas);
    let probes = 0;
    for (let second = 0; second < 3600; second++) {
      probes += bench.open.length;
      bench.answer({}).pass(1000);
    }
    expect(probes).toBeGreaterThan(10);
    expect(probes).toBeLessThan(20);
    bench.answer({}).pass(1000);
    expect(bench.asked).toEqual([]);
    bench.apply({ kind: "joined" });
    expect(bench.asked).toEqual(["203.0.113.9"]);
    bench.answer(there);
    expect(bench.told.at(-1)).toBe("up nas present");
    bench.pass(10_000);
    expect(bench.asked).toEqual(["203.0.113.9"]);
  });

  it("of an earlier contact is one of four, and the newest stay", () => {
    for (const last of [1, 2, 3, 1, 4, 5]) {
      const where = endpoint(`203.0.113.${last}`, "known");
      bench.apply({ kind: "hint", name: nas, endpoint: where, id: nas });
    }
    const addresses = [...bench.table.hints.values()].map((one) => one.endpoint.address);
    expect(addresses).toEqual(["203.0.113.3", "203.0.113.1", "203.0.113.4", "203.0.113.5"]);
  });

  it("is forgotten with its peer when it is taken back, also while it is being asked", () => {
    hint("static").answer(there).pass(10_000).apply({ kind: "unhint", name: "nas" });
    expect(bench.told).toEqual(["up nas present", "down nas present"]);
    bench.answer(there);
    expect(bench.peers).toEqual([]);
  });

  it("given again for another device is asked again, and no longer shows the old one", () => {
    hint("static").answer(there);
    hint("static", idOf("zoe"));
    expect(bench.peers).toEqual([]);
    expect(bench.asked).toEqual(["203.0.113.9"]);
  });
});
