/**
 * Pairing by code, in two steps: both devices have to be ready, then each shows
 * a code that is typed into the other. The daemon holds the state; the window is
 * open for as long as this is shown.
 */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { IdentityView, PairingView } from "../../../control/schema.ts";
import { assertNever } from "../../../core/assert.ts";
import { call, lines, problemOf } from "../../api.ts";
import type { Desk } from "../../desk.ts";
import { Icon } from "../../parts/icon.tsx";
import type { Problem } from "../../problem.ts";
import { name, sentence } from "../../words.ts";

type Failed = { readonly state: "failed"; readonly error: Problem };
type View = Exclude<PairingView, { state: "failed" }> | Failed;
type Comparing = Extract<PairingView, { state: "comparing" }>;

interface ByCodeProps {
  readonly desk: Desk;
  readonly self: IdentityView | null;
  readonly peer: string | null;
  readonly onClose: () => void;
}

export function ByCode({ desk, self, peer, onClose }: ByCodeProps) {
  const [round, setRound] = useState(0);
  const view = useWindow(desk, peer, round);
  if (view === undefined) return <Step number={1}>Opening …</Step>;
  switch (view.state) {
    case "waiting":
      return (
        <Step number={1}>
          {view.namesake === null ? null : (
            <p class="careful">
              Careful: this is another device than your {name(view.namesake.name)} ({view.namesake.short}).
            </p>
          )}
          <p>
            On {view.peer === null ? "the other device" : <strong>{name(view.peer.name)}</strong>}, open its page and
            choose <em>Pair a device</em>, or run <code>lanxferctl pair{argument(view.peer, self)}</code>.
          </p>
          <p class="waiting" role="status">
            {view.problem === null
              ? "Waiting for the other device …"
              : `Trying again: ${sentence(view.problem.message)}`}
            {view.failures > 0 ? " An attempt has failed; still waiting." : ""}
          </p>
        </Step>
      );
    case "comparing":
      return <Compare key={view.code} view={view} />;
    case "finishing":
      return <Step number={2}>Both codes are right. Writing that down …</Step>;
    case "paired":
      return (
        <div class="result" role="status">
          <p class="good">
            <Icon name="good" /> Paired with <strong>{name(view.device.name)}</strong>
          </p>
          {view.mutual ? null : (
            <p class="careful">It did not say that it has finished, too: if it refuses what you send, pair again.</p>
          )}
          <button type="button" class="primary" onClick={onClose}>
            Done
          </button>
        </div>
      );
    case "failed":
      return (
        <div class="result" role="alert">
          <p class="bad">
            <Icon name="bad" /> {`Not paired: ${sentence(view.error.message)}`}
          </p>
          {view.error.hint === undefined ? null : <p class="hint">{sentence(view.error.hint)}</p>}
          <p class="actions">
            <button type="button" class="primary" onClick={() => setRound(round + 1)}>
              Start again
            </button>
            {view.error.code === "E_PAIR_LOCKED" ? <Unlock desk={desk} onUnlocked={() => setRound(round + 1)} /> : null}
          </p>
        </div>
      );
    default:
      return assertNever(view);
  }
}

/** Whom to name there, so that nobody else can come in between. */
function argument(peer: { readonly id: string } | null, self: IdentityView | null): string {
  return peer === null && self !== null ? ` ${name(self.name)}` : "";
}

/** How the window stands that is open while this is shown; another one in each round. */
function useWindow(desk: Desk, peer: string | null, round: number): View | undefined {
  const [view, setView] = useState<View | undefined>(undefined);
  useEffect(() => {
    const closed = new AbortController();
    setView(undefined);
    const watch = async () => {
      try {
        const asked = peer === null ? {} : { peer };
        for await (const next of lines<PairingView>("POST", "/v1/pairing-window", asked, closed.signal)) {
          setView(next);
          if (next.state === "paired") void desk.refresh();
        }
      } catch (error) {
        if (!closed.signal.aborted) setView({ state: "failed", error: problemOf(error) });
      }
    };
    void watch();
    return () => closed.abort();
  }, [desk, peer, round]);
  return view;
}

function Step({ number, children }: { readonly number: 1 | 2; readonly children: ComponentChildren }) {
  return (
    <section class="step">
      <p class="where">Step {number} of 2</p>
      {children}
    </section>
  );
}

const VERDICTS = {
  own: "That is the code of this device: type the one that the other device shows",
  short: "A code has six digits",
} as const;

function Compare({ view: { peer, code, typed, petname, namesake } }: { readonly view: Comparing }) {
  const input = useRef<HTMLInputElement>(null);
  const [complaint, setComplaint] = useState("");
  const who = name(peer.name);
  useEffect(() => input.current?.focus(), []);
  const submit = async (event: Event) => {
    event.preventDefault();
    const entered = (input.current?.value ?? "").replace(/[\s-]/g, "");
    if (!/^\d{6}$/.test(entered)) {
      setComplaint(VERDICTS.short);
      return;
    }
    try {
      const { verdict } = await call("post", "/v1/pairing-window/code", { json: { code: entered } });
      setComplaint(verdict === "own" ? VERDICTS.own : ""); // of a wrong one the window tells, and ends
    } catch (error) {
      setComplaint(sentence(problemOf(error).message));
    }
  };
  return (
    <Step number={2}>
      {petname === null ? null : <p>It is paired already, as {name(petname)}.</p>}
      {namesake === null ? null : (
        <p class="careful">
          Careful: another device called {name(namesake.name)} is paired already, so this one gets another name.
        </p>
      )}
      <form class="codes" onSubmit={submit} autocomplete="off" noValidate>
        <p>
          Type this code on <strong>{who}</strong>
        </p>
        <output class="code" aria-label="Code of this device">
          {code.slice(0, 3)} {code.slice(3)}
        </output>
        <label for="their-code">
          Type the code that <strong>{who}</strong> shows
        </label>
        <input
          id="their-code"
          ref={input}
          class="code"
          inputMode="numeric"
          maxLength={8}
          disabled={typed}
          aria-describedby="code-complaint"
        />
        <button type="submit" class="primary" disabled={typed}>
          Compare
        </button>
      </form>
      <p id="code-complaint" class={typed ? "waiting" : "complaint"} role="status">
        {typed ? `Right. Now the code of this device has to be typed on ${who}.` : complaint}
      </p>
    </Step>
  );
}

function Unlock({ desk, onUnlocked }: { readonly desk: Desk; readonly onUnlocked: () => void }) {
  const unlock = async () => {
    if (await desk.attempt(() => call("delete", "/v1/pairing-lock", {}))) onUnlocked();
  };
  return (
    <button type="button" onClick={unlock}>
      Those were my mistakes: unlock
    </button>
  );
}
