// Numbers to text.

const REFERENCE = "lanxfer";

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** One workload: all times, their median, and how it compares with lanxfer's. */
export function summarise(title, source, seconds, peaks) {
  const ours = seconds.has(REFERENCE) ? median(seconds.get(REFERENCE)) : undefined;
  const rows = [...seconds].map(([name, times]) => ({
    name,
    seconds: times,
    median: median(times),
    megabytesPerSecond: source.bytes / median(times) / 1e6,
    filesPerSecond: source.files / median(times),
    timesLanxfer: ours === undefined ? null : median(times) / ours,
  }));
  return { title, bytes: source.bytes, files: source.files, rows, peaks };
}

export function describeResults({ place, rounds, left, results }) {
  const lines = [
    `${place.cpu}, Node ${place.node}, ${place.storage} in ${place.directory}`,
    `${rounds} rounds; load average before the first: ${place.load.toFixed(1)}`,
  ];
  for (const { title, files, rows, peaks } of results) {
    lines.push("", `${title}`, cells("", "median", "min – max", files > 1 ? "files/s" : "MB/s", "time vs lanxfer"));
    for (const row of [...rows].sort((a, b) => a.median - b.median)) {
      const range = `${Math.min(...row.seconds).toFixed(2)} – ${Math.max(...row.seconds).toFixed(2)} s`;
      const speed = (files > 1 ? row.filesPerSecond : row.megabytesPerSecond).toFixed(0);
      const ratio = row.timesLanxfer === null ? "–" : `× ${row.timesLanxfer.toFixed(2)}`;
      lines.push(cells(row.name, `${row.median.toFixed(2)} s`, range, speed, ratio));
    }
    for (const { process, bytes } of peaks)
      lines.push(`  peak memory of the ${process}: ${(bytes / 1e6).toFixed(0)} MB`);
  }
  for (const { name, reason } of left) lines.push("", `not measured: ${name} (${reason})`);
  lines.push(
    "",
    "Sources are in the page cache. lanxfer flushes to disk before it reports success, the others do not.",
  );
  return lines.join("\n");
}

const WIDTHS = [10, 18, 10, 18];

function cells(name, ...columns) {
  return `  ${name.padEnd(25)}${columns.map((text, n) => text.padStart(WIDTHS[n] ?? 0)).join("")}`;
}
