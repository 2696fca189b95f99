import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { ContestantName, Measurement, ScenarioName, SeriesName } from './measurement.ts';
import { median, QUANTILES } from './statistics.ts';
import type { ValueName } from './value.ts';

/** One colour a contestant in all plots, told apart by those who see no red or no green, too. */
const COLORS: Readonly<Record<ContestantName, string>> = {
  'sse-trigger': '#d62728',
  'literal-port': '#8c6d31',
  'bare-node': '#222222',
  'bare-express': '#888888',
  'better-sse': '#1f77b4',
  'express-sse': '#17becf',
  'socket.io': '#9467bd',
  nchan: '#e6a000',
};

const ORDER = Object.keys(COLORS) as ContestantName[];

/** The run as SVG documents by their name. A plot of which nothing was measured is left out. */
export async function drawPlots(measurements: readonly Measurement[]): Promise<Map<string, string>> {
  const valid = measurements.filter((measurement) => measurement.void === undefined);
  const svgs = new Map<string, string>();
  for (const [name, plot] of Object.entries(plots)) {
    const rows = plot.rows(valid);
    if (rows.length > 0) svgs.set(name, await toSvg(plot.spec(rows)));
  }
  return svgs;
}

interface Row {
  readonly contestant: ContestantName;
  /** What the legend or the axis says. */
  readonly who: string;
  readonly [field: string]: string | number;
}

interface Plot {
  readonly rows: (measurements: readonly Measurement[]) => Row[];
  readonly spec: (rows: readonly Row[]) => TopLevelSpec;
}

const plots: Readonly<Record<string, Plot>> = {
  commands: {
    rows: (measurements) =>
      medians(measurements, 'idle', 'redisCommandsPerSecond')
        .filter(({ variant, value }) => variant === 'heartbeats off' && value > 0)
        .map((row) => ({ ...row, who: row.contestant })),
    spec: (rows) => ({
      title: 'Idle: Redis commands a second, a key each',
      ...frame(rows),
      mark: { type: 'line', point: true },
      encoding: {
        x: { field: 'streams', type: 'quantitative', title: 'open streams' },
        y: {
          field: 'value',
          type: 'quantitative',
          title: 'commands a second (log)',
          scale: { type: 'log' },
          axis: { format: '~s', tickCount: 5 },
        },
        ...byWho(rows),
      },
    }),
  },

  memory: {
    rows: (measurements) =>
      (['heapPerStreamBytes', 'rssPerStreamBytes'] as const).flatMap((name) =>
        medians(measurements, 'memory', name).map(({ value, ...row }) => ({
          ...row,
          who: whoOf(row),
          kind: name === 'heapPerStreamBytes' ? 'heap' : 'RSS',
          kilobytes: value / 1000,
        })),
      ),
    spec: (rows) => ({
      title: 'Memory an idle stream, after garbage collection',
      ...frame(rows),
      height: { step: 12 },
      mark: 'bar',
      encoding: {
        y: {
          field: 'who',
          type: 'nominal',
          title: null,
          axis: { labelLimit: 300 },
          sort: { field: 'kilobytes', op: 'max' },
        },
        yOffset: { field: 'kind' },
        x: { field: 'kilobytes', type: 'quantitative', title: 'KB a stream' },
        color: {
          field: 'kind',
          type: 'nominal',
          title: null,
          scale: { domain: ['heap', 'RSS'], range: ['#d62728', '#bbbbbb'] },
        },
      },
    }),
  },

  'fan-out': {
    rows: (measurements) =>
      medians(measurements, 'fan-out', 'cpuMicrosPerFrame').map((row) => ({ ...row, who: row.contestant })),
    spec: (rows) => ({
      title: 'One push to all streams: server CPU a delivered frame',
      ...frame(rows),
      mark: { type: 'line', point: true },
      encoding: {
        x: { field: 'variant', type: 'ordinal', title: 'payload', sort: null, axis: { labelAngle: 0 } },
        y: {
          field: 'value',
          type: 'quantitative',
          title: 'µs a frame (log)',
          scale: { type: 'log' },
          axis: { tickCount: 5 },
        },
        ...byWho(rows),
      },
    }),
  },

  latency: {
    rows: (measurements) =>
      curves(measurements, 'latency', 'latencyMs', QUANTILES).map(({ x, y, ...row }) => ({
        ...row,
        who: whoOf(row),
        share: x,
        milliseconds: Math.max(y, 0.1),
      })),
    spec: (rows) => ({
      title: 'From a save to the client, random keys',
      ...frame(rows),
      mark: { type: 'line', point: { size: 15 } },
      encoding: {
        x: {
          field: 'milliseconds',
          type: 'quantitative',
          title: 'milliseconds (log)',
          scale: { type: 'log' },
          axis: { tickCount: 6 },
        },
        y: {
          field: 'share',
          type: 'quantitative',
          title: 'share of receipts that were as fast',
          axis: { format: '%' },
        },
        order: { field: 'share' },
        ...byWho(rows),
      },
    }),
  },

  stuck: {
    rows: (measurements) =>
      curves(measurements, 'stuck', 'memoryBytes', 'seconds')
        .filter(({ variant }) => variant === 'stuck clients')
        .map(({ x, y, ...row }) => ({ ...row, who: row.contestant, seconds: x, megabytes: y / 1e6 })),
    spec: (rows) => ({
      title: 'Clients that read nothing: growth of the server’s memory (RSS)',
      ...frame(rows),
      mark: { type: 'line' },
      encoding: {
        x: { field: 'seconds', type: 'quantitative', title: 'seconds' },
        y: { field: 'megabytes', type: 'quantitative', title: 'MB above the beginning' },
        ...byWho(rows),
      },
    }),
  },
};

/** What all have in common. The background is white, since GitHub's may be dark. */
function frame(rows: readonly Row[]) {
  return {
    width: 480,
    height: 240,
    padding: 12,
    background: 'white',
    data: { values: rows as Row[] },
    config: { font: 'sans-serif', title: { anchor: 'start' as const }, line: { strokeWidth: 2 } },
  };
}

/** One line a contestant, or a variant of one: that has its colour, and a dash of its own. */
function byWho(rows: readonly Row[]) {
  const lines = [...new Map(rows.map((row) => [row.who, row])).values()].sort(
    (one, other) => ORDER.indexOf(one.contestant) - ORDER.indexOf(other.contestant),
  );
  const domain = lines.map(({ who }) => who);
  const dashes = lines.map(({ contestant }, index) =>
    lines[index - 1]?.contestant === contestant ? [6, 3] : [1, 0],
  );
  const channel = { field: 'who', type: 'nominal' as const, title: null };
  return {
    color: { ...channel, scale: { domain, range: lines.map(({ contestant }) => COLORS[contestant]) } },
    strokeDash: { ...channel, scale: { domain, range: dashes } },
  };
}

function whoOf({ contestant, variant }: Pick<Measurement, 'contestant' | 'variant'>): string {
  return variant === '' ? contestant : `${contestant}, ${variant}`;
}

/** A value's median over the rounds. */
function medians(measurements: readonly Measurement[], scenario: ScenarioName, name: ValueName) {
  return groupsOf(measurements, scenario).flatMap(({ streams, contestant, variant, rounds }) => {
    const found = rounds.flatMap(({ values }) => values[name] ?? []);
    return found.length === 0 ? [] : [{ streams, contestant, variant, value: median(found) }];
  });
}

/** A series point by point, of each the median over the rounds. */
function curves(
  measurements: readonly Measurement[],
  scenario: ScenarioName,
  y: SeriesName,
  x: SeriesName | readonly number[],
) {
  return groupsOf(measurements, scenario).flatMap(({ contestant, variant, rounds }) => {
    const at = typeof x === 'string' ? (rounds[0]?.series?.[x] ?? []) : x;
    const found = rounds.flatMap(({ series }) => (series?.[y] ? [series[y]] : []));
    if (found.length === 0) return [];
    return at.flatMap((point, index) => {
      const values = found.flatMap((one) => one[index] ?? []);
      return values.length === 0 ? [] : [{ contestant, variant, x: point, y: median(values) }];
    });
  });
}

function groupsOf(measurements: readonly Measurement[], wanted: ScenarioName) {
  const groups = new Map<string, Measurement[]>();
  for (const measurement of measurements.filter(({ scenario }) => scenario === wanted)) {
    const name = `${measurement.contestant},${measurement.variant},${measurement.streams}`;
    groups.set(name, [...(groups.get(name) ?? []), measurement]);
  }
  return [...groups.values()].map((rounds) => ({ ...rounds[0]!, rounds }));
}

function toSvg(spec: TopLevelSpec): Promise<string> {
  return new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG();
}
