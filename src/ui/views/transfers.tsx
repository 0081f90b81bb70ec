/** What goes back and forth, from the moment it was dropped to its end. */

import type { TransferView } from "../../control/schema.ts";
import { type Progress, percentOf, rateOf, timeLeft } from "../../core/progress.ts";
import { call } from "../api.ts";
import type { Desk } from "../desk.ts";
import { type Handover, type Model, transfersOf } from "../model.ts";
import { Icon } from "../parts/icon.tsx";
import { steadyNow } from "../time.ts";
import { duration, long, name, rate, sentence, size, stateOf, what, whatOf } from "../words.ts";

export function Transfers({ desk, model }: { readonly desk: Desk; readonly model: Model }) {
  const handovers = [...model.handovers.values()].reverse();
  const transfers = transfersOf(model).filter(
    ({ transfer }) => !(transfer.direction === "in" && transfer.state === "asking"),
  );
  return (
    <section aria-labelledby="transfers-heading">
      <h2 id="transfers-heading">Transfers</h2>
      {handovers.length + transfers.length === 0 ? (
        <p class="empty">Nothing is on its way.</p>
      ) : (
        <ul class="rows">
          {handovers.map((handover) => (
            <HandoverRow key={`h${handover.id}`} desk={desk} handover={handover} />
          ))}
          {transfers.map((progress) => (
            <TransferRow key={progress.transfer.id} desk={desk} progress={progress} />
          ))}
        </ul>
      )}
    </section>
  );
}

function TransferRow({ desk, progress }: { readonly desk: Desk; readonly progress: Progress<TransferView> }) {
  const { transfer } = progress;
  const { id, direction, state, peer, bytes, endedAt, error, note, canRetry } = transfer;
  const param = { id };
  const title = whatOf(transfer);
  const cancel = () => desk.attempt(() => call("delete", "/v1/transfers/:id", { param }));
  const retry = () => desk.attempt(() => call("post", "/v1/transfers/:id/retry", { param }));
  const hold = (verb: "pause" | "resume") =>
    desk.attempt(() => call("post", `/v1/transfers/:target/${verb}`, { param: { target: id } }));
  const mayHold = endedAt === null && direction === "out";
  return (
    <li class={`row ${state}`}>
      <span class="badge">
        <Icon name={direction} />
      </span>
      <div class="body">
        <h3>
          {title} <span class="party">{`${direction === "out" ? "to" : "from"} ${name(peer.name)}`}</span>
        </h3>
        <p class="state">{stateOf(transfer)}</p>
        {note === null ? null : <blockquote>{long(note)}</blockquote>}
        {error?.hint === undefined ? null : <p class="hint">{sentence(error.hint)}</p>}
        {endedAt === null ? <Meter label={title} progress={progress} /> : <p class="figures">{size(bytes)}</p>}
      </div>
      <p class="actions">
        {mayHold && state !== "paused" ? <Action label="Pause" what={title} run={() => hold("pause")} /> : null}
        {state === "paused" ? <Action label="Resume" what={title} run={() => hold("resume")} /> : null}
        {canRetry ? <Action label="Retry" what={title} run={retry} /> : null}
        {endedAt === null || canRetry ? (
          <Action label={canRetry ? "Give up" : "Cancel"} what={title} run={cancel} />
        ) : null}
        {endedAt === null || canRetry ? null : (
          <button
            type="button"
            class="quiet square"
            aria-label={`Remove ${title} from this list`}
            onClick={() => desk.dismissTransfer(id)}
          >
            <Icon name="close" />
          </button>
        )}
      </p>
    </li>
  );
}

function HandoverRow({ desk, handover }: { readonly desk: Desk; readonly handover: Handover }) {
  const { id, to, names, progress, problem } = handover;
  const title = what(names);
  return (
    <li class={`row ${problem === null ? "running" : "failed"}`}>
      <span class="badge">
        <Icon name="out" />
      </span>
      <div class="body">
        <h3>
          {title} <span class="party">to {name(to.name)}</span>
        </h3>
        <p class="state">
          {problem === null ? "Being handed to lanxferd" : `Not handed over: ${sentence(problem.message)}`}
        </p>
        {problem?.hint === undefined ? null : <p class="hint">{sentence(problem.hint)}</p>}
        {problem === null ? <Meter label={title} progress={progress} /> : null}
      </div>
      <p class="actions">
        {problem === null ? null : <Action label="Retry" what={title} run={() => desk.handAgain(id)} />}
        <Action label={problem === null ? "Cancel" : "Give up"} what={title} run={() => desk.dropHandover(id)} />
      </p>
    </li>
  );
}

function Meter({ label, progress }: { readonly label: string; readonly progress: Progress }) {
  const { transfer } = progress;
  const now = steadyNow();
  const isMoving = transfer.state === "running";
  const speed = isMoving ? rateOf(progress, now) : undefined;
  const left = isMoving ? timeLeft(progress, now) : undefined;
  const percent = percentOf(transfer);
  return (
    <>
      <progress max={100} value={percent} aria-label={`Progress of ${label}`}>
        {percent} %
      </progress>
      <p class="figures">
        <span>
          {size(transfer.moved)} of {size(transfer.bytes)}
        </span>
        <span>{speed === undefined ? "" : rate(speed)}</span>
        <span>{left === undefined ? "" : `${duration(left)} left`}</span>
      </p>
    </>
  );
}

interface ActionProps {
  readonly label: string;
  readonly what: string;
  readonly run: () => unknown;
}

function Action({ label, what: title, run }: ActionProps) {
  return (
    <button type="button" aria-label={`${label} ${title}`} onClick={() => void run()}>
      {label}
    </button>
  );
}
