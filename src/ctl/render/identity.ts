/**
 * What a person is told when another key answers in place of a device: as ssh
 * does, loud, with what can be compared and what to do. Pure; every line is safe
 * to print.
 */

import type { ErrorView } from "../../core/errors.ts";
import { type DeviceId, formatDeviceId } from "../../core/ids.ts";
import { SHORT_ID_LENGTH, safe } from "../../core/text.ts";
import { formatWhen } from "./time.ts";

/** Empty where there is nothing to tell beyond the error itself. Ids are in full when it is `verbose`. */
export function identityWarning(
  { code, details = {} }: Pick<ErrorView, "code" | "details">,
  verbose: boolean,
): string[] {
  const { peer, expected, got, pairedAt, gotName } = details;
  // Of a device that was never paired nobody has a key in mind.
  if (code !== "E_IDENTITY" || expected === undefined || got === undefined || pairedAt === undefined) return [];
  const name = safe(String(peer));
  const id = (value: string | number) => safe(verbose ? inFull(String(value)) : short(String(value)));
  const other = gotName === undefined ? undefined : safe(String(gotName));
  return [
    `it is not ${name} that answers: nothing was sent`,
    `  paired    ${id(expected)}`,
    `  on        ${formatWhen(String(pairedAt))}`,
    `  answers   ${id(got)}`,
    ...(other === undefined ? [] : [`  known as  ${other}`]),
    ...(other === undefined ? strangerAdvice(short(String(expected))) : knownAdvice(name, other)),
  ];
}

function strangerAdvice(id: string): string[] {
  return [
    "either it was set up anew, or somebody poses as it",
    "ask whoever looks after it; only if it was set up anew, run",
    `"lanxferctl unpair ${id}" and pair again`,
  ];
}

function knownAdvice(name: string, other: string): string[] {
  return [`either ${other} has the address of ${name} now, or poses as ${name}`];
}

function short(id: string): string {
  return safe(id.slice(0, SHORT_ID_LENGTH));
}

function inFull(id: string): string {
  return formatDeviceId(id as DeviceId); // only grouped; whatever it is, it is not taken for one
}
