import { describe, expect, it } from "vitest";
import { LanxferError } from "../../../src/core/errors.ts";
import { Conversation, type Input, next, type Phase, type Role } from "../../../src/transfer/machine.ts";
import { message } from "../../../src/transfer/wire.ts";

// PROTOCOL 4.6, written out once more and from the other side: a row for each
// input, a column for each phase. A dot is "closes the connection".
const COLUMNS = [
  "opening",
  "ready",
  "offered",
  "asked",
  "landed",
  "sending",
  "content",
  "finishing",
  "closed",
] as const;
const SENDER = `
  hello        ready   .       .       .       .       .       .       .         .
  heartbeat    .       ready   offered asked   landed  sending content finishing .
  offer        .       offered .       .       .       .       .       .         .
  accept       .       .       .       .       .       .       .       .         .
  ask          .       .       .       .       .       .       .       .         .
  decline      .       .       .       .       .       .       .       .         .
  have         .       .       .       .       .       .       .       .         .
  landed       .       .       .       .       .       .       .       .         .
  entry-file   .       .       .       .       .       content .       .         .
  entry-folder .       .       .       .       .       sending .       .         .
  block        .       .       .       .       .       .       content .         .
  end          .       .       .       .       .       .       sending .         .
  done         .       .       .       .       .       finishing .       .         .
  saved        .       .       .       .       .       .       .       .         .
  progress     .       .       .       .       .       .       .       .         .
  complete     .       .       .       .       .       .       .       .         .
  abort        closed  closed  closed  closed  closed  closed  closed  closed    .`;
const RECEIVER = `
  hello        ready   .       .       .       .       .       .       .         .
  heartbeat    .       ready   offered asked   landed  sending content finishing .
  offer        .       .       .       .       .       .       .       .         .
  accept       .       .       sending sending .       .       .       .         .
  ask          .       .       asked   .       .       .       .       .         .
  decline      .       .       ready   ready   .       .       .       .         .
  have         .       .       offered asked   .       .       .       .         .
  landed       .       .       landed  .       landed  .       .       .         .
  entry-file   .       .       .       .       .       .       .       .         .
  entry-folder .       .       .       .       .       .       .       .         .
  block        .       .       .       .       .       .       .       .         .
  end          .       .       .       .       .       .       .       .         .
  done         .       .       .       .       .       .       .       .         .
  saved        .       .       .       .       .       sending content finishing .
  progress     .       .       .       .       .       sending content finishing .
  complete     .       .       .       .       ready   .       .       ready     .
  abort        closed  closed  closed  closed  closed  closed  closed  closed    .`;

interface Case {
  readonly from: Role;
  readonly input: Input;
  readonly phase: Phase;
  readonly after: Phase | undefined;
}

function cases(from: Role, table: string): Case[] {
  const rows = table.trim().split("\n");
  return rows.flatMap((row) => {
    const [input, ...cells] = row.trim().split(/\s+/);
    expect(cells).toHaveLength(COLUMNS.length);
    return COLUMNS.map((phase, i) => {
      const cell = cells[i];
      return { from, input: input as Input, phase, after: cell === "." ? undefined : (cell as Phase) }; // the table's words
    });
  });
}

const ALL = [...cases("sender", SENDER), ...cases("receiver", RECEIVER)];

/** What leads from the start to each phase. */
const WAY: Readonly<Record<Phase, readonly (readonly [Role, Input])[]>> = {
  opening: [],
  ready: [["sender", "hello"]],
  offered: [
    ["sender", "hello"],
    ["sender", "offer"],
  ],
  asked: [
    ["sender", "hello"],
    ["sender", "offer"],
    ["receiver", "ask"],
  ],
  landed: [
    ["sender", "hello"],
    ["sender", "offer"],
    ["receiver", "landed"],
  ],
  sending: [
    ["sender", "hello"],
    ["sender", "offer"],
    ["receiver", "accept"],
  ],
  content: [
    ["sender", "hello"],
    ["sender", "offer"],
    ["receiver", "accept"],
    ["sender", "entry-file"],
  ],
  finishing: [
    ["sender", "hello"],
    ["sender", "offer"],
    ["receiver", "accept"],
    ["sender", "done"],
  ],
  closed: [["sender", "abort"]],
};

function conversationAt(phase: Phase): Conversation {
  const conversation = new Conversation();
  for (const [from, input] of WAY[phase]) conversation.step(from, input);
  expect(conversation.phase).toBe(phase);
  return conversation;
}

describe("the order of a conversation", () => {
  it("is decided for every input of both roles in every phase", () => {
    expect(ALL).toHaveLength(2 * 17 * 9);
    const words = new Set(message.options.map((option) => option.shape.t.value));
    const known = new Set(ALL.map(({ input }) => input.replace(/^entry-.*/, "entry")));
    known.delete("block"); // a frame of its own
    expect(known).toEqual(words);
  });

  it.each(ALL)("has $from $input while $phase lead to $after", ({ from, input, phase, after }) => {
    expect(next(phase, from, input)).toBe(after);
    const conversation = conversationAt(phase);
    if (after !== undefined) {
      conversation.step(from, input);
      expect(conversation.phase).toBe(after);
      return;
    }
    expect(() => conversation.step(from, input)).toThrow(LanxferError);
    expect(conversation.phase).toBe("closed");
  });

  it("names what was wrong", () => {
    const conversation = conversationAt("offered");
    expect(() => conversation.step("sender", "block")).toThrow(/block from the sender while offered/);
  });

  it("stays closed whatever comes after a violation", () => {
    for (const { from, input } of ALL) {
      const conversation = conversationAt("ready");
      expect(() => conversation.step("sender", "complete")).toThrow(LanxferError);
      expect(() => conversation.step(from, input)).toThrow(LanxferError);
      expect(conversation.phase).toBe("closed");
    }
  });
});
