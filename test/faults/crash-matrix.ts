import { isDeepStrictEqual, parseArgs } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { type Random, seededRandom } from '#libs/statistics';
import { CrashMatrix } from '../support/crash-matrix.ts';
import { batchPoints, swapPoints } from '../support/fault-points.ts';
import { forkStack } from '../support/fork-stack.ts';

/**
 * The large crash matrix: everything that can end or stand still does so, again and again, while texts come and versions
 * are swapped; then `tidemill audit` has to be clean.
 *
 *   npm run crash-matrix -- [--seed N] [--texts N] [--brokers N]
 *
 * Exit 1 when it is not, or when something did not come back. How long catching up took is told, not judged.
 */

interface Fault {
  /** Of the closing table. */
  kind: string;
  happen: (matrix: CrashMatrix) => Promise<void>;
}

/** Ends an instance at each of its points once. */
function kills(random: Random, texts: number, beside: string): Fault[] {
  const points = [
    ...batchPoints.map((point) => ({ point, skip: Math.floor(random() * 4), promotes: false })),
    ...swapPoints.map((point) => ({ point, skip: 0, promotes: true })),
  ];
  return points.map(({ point, skip, promotes }) => ({
    kind: `kill -9 in a ${promotes ? 'swap' : 'batch'}${beside}`,
    happen: (matrix) => matrix.killAt({ point, skip, signal: 'SIGKILL' }, { texts, promotes }),
  }));
}

function broken(kind: string, count: number, happen: (matrix: CrashMatrix, turn: number) => Promise<void>): Fault[] {
  return Array.from({ length: count }, (_, turn) => ({ kind, happen: (matrix) => happen(matrix, turn) }));
}

/** One instance: epochs of a partition may not fall. */
function alone(random: Random, texts: number): Fault[] {
  const faults = [
    ...kills(random, texts, ''),
    ...broken('broker killed', 3, (matrix, turn) =>
      matrix.fault('broker killed', texts, async () => {
        const broker = matrix.kafka.node(turn);
        await broker.kill();
        await delay(1000);
        await broker.start();
      }),
    ),
    ...broken('broker paused', 3, (matrix, turn) =>
      matrix.fault('broker paused', texts, async () => {
        const broker = matrix.kafka.node(turn);
        broker.pause();
        await delay(5000);
        broker.resume();
      }),
    ),
    ...broken('registry away', 2, (matrix) =>
      matrix.fault('registry away, instance killed', texts, async () => {
        matrix.registry.away();
        await matrix.instances[0]?.process.kill('SIGKILL');
        await delay(4000);
        matrix.registry.back();
      }),
    ),
    ...broken('model host killed', 4, (matrix) => matrix.killHost(texts)),
    ...broken('tables killed', 3, (matrix) => matrix.breakTables('SIGKILL', texts)),
    ...broken('tables blocked', 2, (matrix) => matrix.breakTables('SIGSTOP', texts)),
  ];
  return shuffled(faults, random);
}

/** One instance with a canary and a shadow beside its champion. */
function beside(random: Random, texts: number): Fault[] {
  const faults = [
    ...kills(random, texts, ', challengers beside'),
    ...broken('host of a canary killed', 2, (matrix) => matrix.breakChallenger('canary', 'SIGKILL', texts)),
    ...broken('host of a canary blocked', 2, (matrix) => matrix.breakChallenger('canary', 'SIGSTOP', texts)),
    ...broken('host of a shadow killed', 2, (matrix) => matrix.breakChallenger('shadow', 'SIGKILL', texts)),
    ...broken('all model hosts killed', 2, (matrix) => matrix.killHost(texts)),
  ];
  return shuffled(faults, random).map(({ kind, happen }) => ({
    kind,
    async happen(matrix) {
      // Told anew each time: one that was given up gets a new chance.
      await matrix.tryBeside();
      await happen(matrix);
    },
  }));
}

/** Several instances that come and go while versions are swapped. */
function together(random: Random, texts: number): Fault[] {
  const scale = (count: number, signal: 'SIGTERM' | 'SIGKILL') => ({
    kind: 'rebalance in a swap',
    happen: (matrix: CrashMatrix) =>
      matrix.fault(`${matrix.instances.length} → ${count} instances in a swap`, texts, async () => {
        await Promise.all([matrix.promote(), matrix.scale(count, signal)]);
      }),
  });
  const stop = (point: string) => ({
    kind: 'paused and evicted',
    happen: (matrix: CrashMatrix) => matrix.stopAt({ point, skip: Math.floor(random() * 3) }, texts),
  });
  const kill = (point: string) => ({
    kind: 'kill -9 of one of several',
    happen: (matrix: CrashMatrix) =>
      matrix.killAt({ point, skip: Math.floor(random() * 3), signal: 'SIGKILL' }, { texts, promotes: true }),
  });
  return [
    scale(3, 'SIGTERM'),
    stop('decoded'),
    stop('answered'),
    scale(2, 'SIGKILL'),
    kill('acknowledged'),
    scale(3, 'SIGTERM'),
    stop('answered'),
    kill('answered'),
    scale(2, 'SIGTERM'),
    stop('inferring'),
    kill('handled'),
  ];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      texts: { type: 'string', default: '2000' },
      brokers: { type: 'string', default: '1' },
    },
  });
  const random = seededRandom(Number(values.seed));
  const texts = Number(values.texts);
  const began = performance.now();
  const say = (line: string) =>
    process.stdout.write(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${line}\n`);
  const stack = await forkStack();
  try {
    await using matrix = await CrashMatrix.open({
      libraries: stack.env['TIDEMILL_TEST_KAFKA_LIBRARIES'] ?? '',
      registryUrl: stack.env['TIDEMILL__SCHEMAREGISTRY__URL'] ?? '',
      brokers: Number(values.brokers),
      tables: true,
    });
    await matrix.scale(1);
    await matrix.promote();
    await matrix.send(texts);
    await matrix.caughtUp();
    const took = new Map<string, number[]>();
    for (const phase of [alone(random, texts), beside(random, texts), together(random, texts)]) {
      for (const { kind, happen } of phase) {
        await happen(matrix);
        const last = matrix.faults.at(-1);
        say(`${matrix.faults.length}. ${last?.name}: caught up after ${seconds(last?.catchUp ?? 0)}`);
        took.set(kind, [...(took.get(kind) ?? []), last?.catchUp ?? 0]);
      }
      say(`auditing ${matrix.sent} texts`);
      await audited(matrix, say);
    }
    closing(matrix, took);
    process.stdout.write(`\n$ tidemill audit texts\n${(await matrix.runAudit()).stdout}`);
  } finally {
    await stack.close();
  }
}

async function audited(matrix: CrashMatrix, say: (line: string) => void): Promise<void> {
  const { code, wrong, list, stored, ...report } = await matrix.audit();
  say(
    `${report.answered} answered, ${report.deadLettered} dead letters, ${report.repeated} repeated, ${report.answeredAgain} again by another epoch, ` +
      `${report.olderAfterNewer} by an older epoch after a newer one, ${report.answeredByBoth} by both, ${stored?.predictions} rows`,
  );
  const sides = await matrix.sides();
  const { byCanary, passedOver } = sides;
  say(
    `${byCanary} by the canary, ${passedOver.length} of its share by the champion alone, ${sides.wrong.length} wrong`,
  );
  if (sides.wrong.length > 0 || sides.answered !== report.answered) {
    say(`answered ${sides.answered}; ${sides.wrong.slice(0, 20).join('; ')}`);
    process.exitCode = 1;
  }
  const letters = [report.deadLetterErrors, matrix.deadLetterErrors];
  if (!isDeepStrictEqual(letters[0], letters[1])) {
    say(`dead letters: ${letters.map((errors) => JSON.stringify(errors)).join(', and should be ')}`);
    process.exitCode = 1;
  }
  const mislabelled = await matrix.mislabelled();
  say(mislabelled.length === 0 ? 'computed anew, every answer is the same' : `mislabelled: ${mislabelled.join(', ')}`);
  if (code !== 0 || mislabelled.length > 0) process.exitCode = 1;
  say(code === 0 ? 'the audit is clean' : `found: ${JSON.stringify(wrong)}\n${JSON.stringify(list, undefined, 2)}`);
}

function closing(matrix: CrashMatrix, took: ReadonlyMap<string, number[]>): void {
  const all = [...took.values()].flat();
  const line = (cells: readonly string[]) => process.stdout.write(`| ${cells.join(' | ')} |\n`);
  process.stdout.write('\n');
  line(['fault', 'times', 'median', 'longest']);
  line(['---', '---:', '---:', '---:']);
  for (const [kind, times] of [...took, ['all', all] as const])
    line([kind, String(times.length), seconds(median(times)), seconds(Math.max(...times))]);
  process.stdout.write(`\n${matrix.sent} texts, ${matrix.epoch} swaps, ${all.length} faults\n`);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/** Fisher and Yates. */
function shuffled<T>(all: readonly T[], random: Random): T[] {
  const mixed = [...all];
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const [a, b] = [mixed[i], mixed[j]];
    if (a !== undefined && b !== undefined) [mixed[i], mixed[j]] = [b, a];
  }
  return mixed;
}

await main();
