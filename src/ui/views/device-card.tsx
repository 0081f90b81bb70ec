/** One device: what is dropped onto it is sent there. The same by buttons, for the keyboard and for phones. */

import { useRef, useState } from "preact/hooks";
import { problemOf } from "../api.ts";
import type { Desk } from "../desk.ts";
import type { Card } from "../model.ts";
import { Icon } from "../parts/icon.tsx";
import { chosen, dropped, type Picked } from "../picked.ts";
import { name } from "../words.ts";

interface DeviceCardProps {
  readonly card: Card;
  readonly desk: Desk;
  readonly onPair: () => void;
}

export function DeviceCard({ card, desk, onPair }: DeviceCardProps) {
  const [isOver, setOver] = useState(false);
  const send = (picked: readonly Picked[]) => desk.send(card, picked);
  const onDrop = async (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    if (event.dataTransfer === null) return;
    try {
      send(await dropped(event.dataTransfer));
    } catch (error) {
      desk.notice("bad", `What was dropped cannot be read: ${problemOf(error).message}`);
    }
  };
  const onDragOver = (event: DragEvent) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    setOver(true);
  };
  const title = name(card.name);
  return (
    <li
      class={`card ${card.here ? "here" : "away"} ${card.paired ? "" : "stranger"} ${isOver ? "over" : ""}`}
      onDragOver={onDragOver}
      onDragLeave={() => setOver(false)}
      onDrop={onDrop}
    >
      <div class="who">
        <span class="badge">
          <Icon name="device" />
        </span>
        <div>
          <h3>{title}</h3>
          <p class="state">{stateOf(card)}</p>
        </div>
      </div>
      <p class="actions">
        {card.paired ? null : (
          <button type="button" class="primary" onClick={onPair} aria-label={`Pair with ${title}`}>
            Pair
          </button>
        )}
        <Picker label="Send files" whom={title} folder={false} onPicked={send} />
        <Picker label="Send a folder" whom={title} folder onPicked={send} />
      </p>
      <p class="drop" aria-hidden="true">
        Drop to send to {title}
      </p>
    </li>
  );
}

function stateOf({ paired, here, calledItself, namesake, short }: Card) {
  if (namesake !== null) return `Not paired, and not your ${name(namesake)}: ${short}`;
  if (!paired) return `Not paired: nobody has checked who this is (${short})`;
  const other = calledItself === null ? "" : `, calls itself ${name(calledItself)}`;
  return here ? `Here${other}` : "Away: what you send waits for it";
}

interface PickerProps {
  readonly label: string;
  readonly whom: string;
  readonly folder: boolean;
  readonly onPicked: (picked: readonly Picked[]) => void;
}

function Picker({ label, whom, folder, onPicked }: PickerProps) {
  const input = useRef<HTMLInputElement>(null);
  const onChange = (event: Event & { readonly currentTarget: HTMLInputElement }) => {
    onPicked(chosen([...(event.currentTarget.files ?? [])]));
    event.currentTarget.value = ""; // the same file may be picked again
  };
  return (
    <>
      <button type="button" aria-label={`${label} to ${whom}`} onClick={() => input.current?.click()}>
        {label}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        multiple
        tabIndex={-1}
        aria-hidden="true"
        {...(folder && { webkitdirectory: true })}
        onChange={onChange}
      />
    </>
  );
}
