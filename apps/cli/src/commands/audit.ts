import { createWriteStream, type WriteStream } from 'node:fs';
import { once } from 'node:events';
import { type Finding, findingKinds } from '../audit/audit-report.ts';
import { RowsTooLong, type SelectRows } from '../audit/audited-tables.ts';
import type { AuditScope } from '../audit/audited-topics.ts';
import type { Audit } from '../audit/run-audit.ts';
import { CliError, usageError } from '../cli-error.ts';
import { GatewayClient, GatewayError } from '../gateway-client.ts';
import { note, printJson, printLine, printTable, progress, progressDone } from '../output.ts';
import { parseTime } from '../times.ts';
import { connectToStream, type StreamOptions } from '../stream-connection.ts';

export interface AuditCommandOptions extends StreamOptions {
  from?: string;
  to?: string;
  partition?: string;
  fromOffset?: string;
  toOffset?: string;
  model?: string;
  staleness?: string;
  wait?: string;
  limit?: string;
  list?: string;
  /** --no-tables */
  tables?: boolean;
}

/**
 * Holds texts against what became of them. Exit 1 when something is found, or when --wait ran out with something still in
 * flight: then the rest is not known.
 */
export async function audit(topic: string, options: AuditCommandOptions): Promise<void> {
  if (topic !== 'texts') throw usageError(`topic ${topic} cannot be audited: texts`);
  const [{ runAudit }, { milliseconds }] = await Promise.all([
    import('../audit/run-audit.ts'),
    import('#libs/platform'),
  ]);
  const duration = (name: string, value: string) => {
    if (!/^\d+(ms|s|m|h|d)$/.test(value)) throw usageError(`${name} ${value} is not a duration such as 30s or 10m`);
    return milliseconds(value);
  };
  const scope = scopeOf(options);
  const limit = whole('--limit', options.limit ?? '10');
  const wait = duration('--wait', options.wait ?? '0s');
  const maximumStaleness = duration('--staleness', options.staleness ?? '10m');
  const select = options.tables === false ? undefined : await tablesOf(options);
  const stream = await connectToStream(options);
  const findings = new Findings(limit, options.list);
  try {
    const onFinding = (finding: Finding) => findings.add(finding);
    const done = await runAudit(stream, { scope, select, maximumStaleness, wait, onFinding, onProgress: progress });
    await findings.close();
    progressDone();
    tell(done, findings, options);
  } finally {
    await stream.close();
  }
}

/** The first of each kind, and a file of all. */
class Findings {
  readonly shown: Finding[] = [];
  readonly #limit: number;
  readonly #file: WriteStream | undefined;
  readonly #counts = new Map<string, number>();

  constructor(limit: number, file: string | undefined) {
    this.#limit = limit;
    this.#file = file === undefined ? undefined : createWriteStream(file);
    // Told when it is closed.
    this.#file?.on('error', () => undefined);
  }

  add(finding: Finding): void {
    const count = (this.#counts.get(finding.kind) ?? 0) + 1;
    this.#counts.set(finding.kind, count);
    if (count <= this.#limit) this.shown.push(finding);
    this.#file?.write(`${JSON.stringify(finding)}\n`);
  }

  async close(): Promise<void> {
    const file = this.#file;
    if (file === undefined) return;
    file.end();
    if (file.errored === null) await once(file, 'finish').catch(() => undefined);
    if (file.errored !== null) throw new CliError(`${String(file.path)} cannot be written: ${file.errored.message}`);
  }
}

function scopeOf(options: AuditCommandOptions): AuditScope {
  const { partition, fromOffset, toOffset } = options;
  if (partition === undefined && (fromOffset ?? toOffset) !== undefined)
    throw usageError('offsets are those of one partition: name it with --partition');
  const scope = {
    from: options.from === undefined ? undefined : parseTime('--from', options.from),
    to: options.to === undefined ? undefined : parseTime('--to', options.to),
    partition: partition === undefined ? undefined : whole('--partition', partition),
    fromOffset: fromOffset === undefined ? undefined : whole('--from-offset', fromOffset),
    toOffset: toOffset === undefined ? undefined : whole('--to-offset', toOffset),
    model: options.model,
  };
  if ((scope.from ?? 0) > (scope.to ?? Infinity)) throw usageError('--from is after --to');
  if ((scope.fromOffset ?? 0) > (scope.toOffset ?? Infinity)) throw usageError('--from-offset is after --to-offset');
  return scope;
}

function whole(name: string, value: string): number {
  if (!/^\d{1,15}$/.test(value)) throw usageError(`${name} ${value} is not a whole number`);
  return Number(value);
}

/** The tables, through the gateway: the embedded engine belongs to its process. */
async function tablesOf(options: AuditCommandOptions): Promise<SelectRows> {
  const client = await GatewayClient.open(options);
  interface Result {
    columns: { name: string }[];
    rows: unknown[][];
  }
  return async (sql) => {
    try {
      const { columns, rows } = await client.patientPost<Result>('/v1/sql', { sql }, {});
      return rows.map((row) => Object.fromEntries(columns.map(({ name }, i) => [name, row[i]])));
    } catch (error) {
      const refused = error instanceof GatewayError && error.status === 422;
      if (refused && /16 MiB|limit for result/i.test(error.message))
        throw new RowsTooLong(error.message, { cause: error });
      throw error;
    }
  };
}

function tell({ report, ranges, notes, unsettled }: Audit, { shown }: Findings, options: AuditCommandOptions): void {
  const found = Object.values(report.findings).some((count) => count > 0);
  if (found || unsettled !== undefined) process.exitCode = 1;
  const all = [...notes];
  if (report.texts === 0) all.push('there are no texts in this range: nothing is shown by it');
  if (unsettled !== undefined) all.push(`after --wait ${options.wait} there were still ${unsettled}`);
  for (const line of all) note(line);
  if (options.json === true) return printJson({ ranges, notes: all, ...report, list: shown });
  printTable(
    ['partition', 'from offset', 'to offset'],
    ranges.filter(({ from, to }) => from < to).map(({ partition, from, to }) => [partition, from, to]),
  );
  printLine('');
  printTable(
    ['texts', 'answered', 'dead letters', 'in flight', 'expired'],
    [[report.texts, report.answered, report.deadLettered, report.inFlight, report.expired]],
  );
  printLine('');
  for (const line of harmless(report)) printLine(line);
  printLine('');
  printTable(
    ['wrong', 'texts'],
    findingKinds.map((kind) => [kind, report.findings[kind]]),
  );
  if (!found) return;
  printLine('');
  printTable(
    ['wrong', 'partition', 'offset', 'text', 'what'],
    shown.map(({ kind, partition, offset, textId, detail }) => [kind, partition, offset, textId, detail]),
  );
}

/** What is as it may be, a line each. */
function harmless(report: Audit['report']): string[] {
  const roles = Object.entries(report.predictions).map(([role, count]) => `${count} of a ${role}`);
  const lines = [`predictions: ${roles.join(', ') || 'none'}`];
  if (report.repeated > 0) lines.push(`  ${report.repeated} repeated: same text, epoch and answer`);
  if (report.repeatedRounded > 0) lines.push(`  ${report.repeatedRounded} of these differ by rounding`);
  if (report.answeredAgain > 0) lines.push(`  ${report.answeredAgain} again by another epoch: the lowest counts`);
  if (report.answeredByBoth > 0)
    lines.push(`  ${report.answeredByBoth} texts by a canary and the champion: of one epoch the first counts`);
  lines.push(
    report.oneInstance
      ? '  one instance answers: an epoch that falls along a partition is wrong'
      : `  ${report.olderAfterNewer} by an older epoch after a newer one: right of several instances while one still loads it`,
  );
  lines.push(`  the version before answered for at most ${report.longestStaleness} ms after a promotion`);
  if (report.unreadablePredictions > 0)
    lines.push(`  ${report.unreadablePredictions} records among them cannot be read: what they say is not known`);
  const errors = Object.entries(report.deadLetterErrors).map(([error, count]) => `${count} ${error}`);
  if (errors.length > 0) lines.push(`dead letters: ${errors.join(', ')}`);
  if (report.lettersRepeated > 0) lines.push(`dead letters repeated: ${report.lettersRepeated}`);
  const { stored } = report;
  if (stored === undefined) lines.push('tables: not looked at');
  else {
    const { predictions, texts, deadLetters, inFlight } = stored;
    lines.push(`rows: ${predictions} predictions, ${texts} texts, ${deadLetters} dead letters, ${inFlight} in flight`);
  }
  return lines;
}
