/** A list out of the record: the newest at first, more when somebody wants more, and anew when something has ended. */

import type { ComponentChildren } from "preact";
import { useId, useMemo, useState } from "preact/hooks";
import { useLoaded } from "../parts/hooks.ts";
import { sentence } from "../words.ts";

interface ListingProps<T> {
  readonly title: string;
  readonly empty: string;
  readonly atFirst: number;
  /** Read again when it is another one. */
  readonly cause: unknown;
  readonly read: (limit: number) => Promise<readonly T[]>;
  readonly row: (item: T) => ComponentChildren;
}

export function Listing<T>({ title, empty, atFirst, cause, read, row }: ListingProps<T>) {
  const [limit, setLimit] = useState(atFirst);
  const heading = useId();
  const { value, problem, busy } = useLoaded(() => read(limit), [limit, cause]);
  // A thousand rows are not compared each time that something moves elsewhere.
  const rows = useMemo(() => value?.map(row), [value]);
  return (
    <section aria-labelledby={heading} aria-busy={busy}>
      <h2 id={heading}>{title}</h2>
      {problem === undefined ? null : <p class="bad">{`Not to be had: ${sentence(problem.message)}`}</p>}
      {value?.length === 0 ? <p class="empty">{empty}</p> : <ul class="rows">{rows}</ul>}
      {value !== undefined && value.length >= limit ? (
        <p class="more">
          <button type="button" onClick={() => setLimit(limit * 2)} disabled={busy}>
            Show more
          </button>
        </p>
      ) : null}
    </section>
  );
}
