import { usageError } from '../cli-error.ts';
import { GatewayClient } from '../gateway-client.ts';
import { parseModelName } from '../names.ts';
import type { CommonOptions } from '../options.ts';
import { type Cell, note, printJson, printLine, printTable } from '../output.ts';
import { parseTime } from '../times.ts';

export interface ListOptions extends CommonOptions {
  from?: string;
  to?: string;
  limit?: string;
}

interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

async function listOf<T>(name: string, list: string, options: ListOptions): Promise<Page<T>> {
  const { model } = parseModelName(name);
  const query = listQuery(options);
  const client = await GatewayClient.open(options);
  return client.json<Page<T>>(`/v1/models/${model}/${list}?${query.toString()}`);
}

function listQuery({ limit = '20', from, to }: ListOptions): URLSearchParams {
  if (!/^[1-9]\d{0,2}$/.test(limit) || Number(limit) > 500)
    throw usageError(`--limit ${limit} is not a number from 1 to 500`);
  const query = new URLSearchParams({ limit });
  for (const [name, time] of Object.entries({ from, to })) {
    if (time === undefined) continue;
    query.set(name, new Date(parseTime(`--${name}`, time)).toISOString());
  }
  return query;
}

function show<T>(page: Page<T>, options: ListOptions, table: { headings: string[]; row: (item: T) => Cell[] }): void {
  if (options.json === true) return printJson(page);
  printTable(table.headings, page.items.map(table.row));
  if (page.nextCursor !== null) note('there is more: --limit N, --from and --to');
}

interface DriftReport {
  windowStart: string;
  windowEnd: string;
  texts: number;
  verdict: string;
  expectedAccuracy: number;
  reason: string;
  movements: { term: string; kind: string; referenceRate: number; windowRate: number }[];
}

export async function drift(name: string, options: ListOptions): Promise<void> {
  const page = await listOf<DriftReport>(name, 'drift-reports', options);
  show(page, options, {
    headings: ['window end', 'texts', 'verdict', 'expected accuracy', 'reason'],
    row: (report) => [report.windowEnd, report.texts, report.verdict, report.expectedAccuracy, report.reason],
  });
  const moved = page.items[0]?.movements ?? [];
  if (options.json === true || moved.length === 0) return;
  printLine('\nwhat moved most in the newest window');
  const percent = (rate: number) => `${(rate * 100).toFixed(1)} %`;
  printTable(
    ['kind', 'term', 'reference', 'window'],
    moved.slice(0, 10).map(({ kind, term, referenceRate, windowRate }) => [
      kind,
      // A space at an end could not be seen.
      term.replaceAll(' ', '␣'),
      percent(referenceRate),
      percent(windowRate),
    ]),
  );
}

interface Interval {
  value: number;
  lower: number;
  upper: number;
}

interface PerformanceReport {
  scope: string;
  windowEnd: string;
  version: number;
  labelled: number;
  texts: number;
  accuracy: Interval;
  macroF1: Interval;
}

export async function performanceReports(name: string, options: ListOptions): Promise<void> {
  const interval = ({ value, lower, upper }: Interval) =>
    `${value.toFixed(3)} (${lower.toFixed(3)}–${upper.toFixed(3)})`;
  show(await listOf<PerformanceReport>(name, 'performance-reports', options), options, {
    headings: ['window end', 'scope', 'version', 'labelled', 'texts', 'accuracy', 'macro-F1'],
    row: (report) => [
      report.windowEnd,
      report.scope,
      report.version,
      report.labelled,
      report.texts,
      interval(report.accuracy),
      interval(report.macroF1),
    ],
  });
}

interface Decision {
  decidedAt: string;
  policy: string;
  outcome: string;
  reason: string;
}

export async function decisions(name: string, options: ListOptions): Promise<void> {
  show(await listOf<Decision>(name, 'decisions', options), options, {
    headings: ['decided', 'policy', 'outcome', 'reason'],
    row: ({ decidedAt, policy, outcome, reason }) => [decidedAt, policy, outcome, reason],
  });
}

interface Swap {
  promotedAt: string;
  requestedAt: string | null;
  fetchedAt: string | null;
  verifiedAt: string | null;
  warmAt: string | null;
  servingAt: string | null;
  instance: string | null;
  state: string;
  fromVersion: number | null;
  version: number;
  epoch: number;
  action: string;
  reason: string;
  error: string | null;
  firstOffsets: { partition: number; offset: number }[];
}

export async function swaps(name: string, options: ListOptions): Promise<void> {
  show(await listOf<Swap>(name, 'swaps', options), options, {
    headings: [
      'promoted',
      'epoch',
      'swap',
      'instance',
      'state',
      'fetch',
      'verify',
      'warm-up',
      'switch',
      'first offsets',
      'reason',
    ],
    row: (swap) => [
      swap.promotedAt,
      swap.epoch,
      `${swap.fromVersion ?? '–'} → ${swap.version}`,
      swap.instance,
      swap.state,
      between(swap.requestedAt, swap.fetchedAt),
      between(swap.fetchedAt, swap.verifiedAt),
      between(swap.verifiedAt, swap.warmAt),
      between(swap.warmAt, swap.servingAt),
      swap.firstOffsets.map(({ partition, offset }) => `${partition}:${offset}`).join(' '),
      `${swap.action}: ${swap.state === 'serving' ? swap.reason : (swap.error ?? swap.reason)}`,
    ],
  });
}

/** How long a step took. */
function between(from: string | null, to: string | null): string | null {
  return from === null || to === null ? null : `${Date.parse(to) - Date.parse(from)} ms`;
}
