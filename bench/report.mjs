// Numbers to text.

const REFERENCE = "lanxfer";

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** Median, null when it was not measured. */
const cpuOf = (values) => (values.some(Number.isNaN) ? null : median(values));

/** One workload: all times, their median, and how it compares with lanxfer's and with the link. */
export function summarise({ name, title, source, seconds, cpu, peaks, bitsPerSecond }) {
  const reference = [...seconds].find(([contender]) => contender.name === REFERENCE);
  const ours = reference === undefined ? undefined : median(reference[1]);
  const rows = [...seconds].map(([contender, times]) => ({
    name: contender.name,
    flushes: contender.flushes,
    seconds: times,
    median: median(times),
    cpuSeconds: cpuOf(cpu.get(contender)),
    megabytesPerSecond: source.bytes / median(times) / 1e6,
    filesPerSecond: source.files / median(times),
    timesLanxfer: ours === undefined ? null : median(times) / ours,
    ofLink: bitsPerSecond === undefined ? null : (source.bytes * 8) / median(times) / bitsPerSecond,
  }));
  return { name, title, bytes: source.bytes, files: source.files, rows, peaks };
}

export function describeResults({ place, rounds, left, links }) {
  const lines = [
    `${place.cpu}, Node ${place.node}, ${place.storage} in ${place.directory}`,
    `${rounds} rounds; load average before the first: ${place.load.toFixed(1)}`,
  ];
  for (const link of links) lines.push("", ...describeLink(link));
  for (const { name, reason } of left) lines.push("", `not measured: ${name} (${reason})`);
  lines.push(
    "",
    "Sources are in the page cache. Flushes: what is on the disk when success is reported,",
    "by the contender's promise: all (content, names, folders), files (content), nothing.",
  );
  return lines.join("\n");
}

function describeLink({ title, bitsPerSecond, left, results }) {
  const yardstick = bitsPerSecond === null ? "" : `, iperf3: ${(bitsPerSecond / 1e6).toFixed(0)} Mbit/s`;
  const lines = [`Link: ${title}${yardstick}`];
  for (const result of results) lines.push("", ...describeWorkload(result));
  for (const { name, reason } of left) lines.push("", `not measured: ${name} (${reason})`);
  return lines;
}

function describeWorkload({ name: workload, title, rows, peaks }) {
  const perFile = workload === "small";
  const head = ["flushes", "median", "min – max", "CPU", perFile ? "files/s" : "MB/s", "time vs lanxfer"];
  const lines = [title, cells("", ...head)];
  for (const row of [...rows].sort((a, b) => a.median - b.median)) {
    const range = `${Math.min(...row.seconds).toFixed(2)} – ${Math.max(...row.seconds).toFixed(2)} s`;
    const speed = (perFile ? row.filesPerSecond : row.megabytesPerSecond).toFixed(0);
    const cpu = row.cpuSeconds === null ? "–" : `${row.cpuSeconds.toFixed(2)} s`;
    const ratio = row.timesLanxfer === null ? "–" : `× ${row.timesLanxfer.toFixed(2)}`;
    lines.push(cells(row.name, row.flushes, `${row.median.toFixed(2)} s`, range, cpu, speed, ratio));
  }
  const ours = rows.find(({ name }) => name === REFERENCE);
  if (typeof ours?.ofLink === "number")
    lines.push(`  lanxfer's goodput: ${(ours.ofLink * 100).toFixed(0)} % of iperf3's`);
  for (const { process, bytes } of peaks) lines.push(`  peak memory of the ${process}: ${(bytes / 1e6).toFixed(0)} MB`);
  return lines;
}

const WIDTHS = [9, 10, 18, 10, 9, 17];

function cells(name, ...columns) {
  return `  ${name.padEnd(25)}${columns.map((text, n) => text.padStart(WIDTHS[n] ?? 0)).join("")}`;
}
