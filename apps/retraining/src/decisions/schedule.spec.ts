import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RetrainingRequest, TriggerDecision } from '#libs/events';
import { newId, systemClock } from '#libs/platform';
import { Registry } from '#libs/registry';
import { type MemoryStream, openMemoryStream } from '../../../../libs/stream/src/testing/memory-stream.ts';
import { RequestQueue } from '../workflow/request-queue.ts';
import { DecisionLog } from './decision-log.ts';
import { Schedule } from './schedule.ts';

const day = 86_400_000;
const nine = Date.UTC(2026, 0, 5, 9);

let memory: MemoryStream;
let registry: Registry;
let queue: RequestQueue;
let log: DecisionLog;
let decisions: TriggerDecision[];
let requests: RetrainingRequest[];
/** Resolves when everything written has arrived here. */
let arrived: () => Promise<unknown>;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: nine });
  memory = await openMemoryStream({}, { clock: systemClock });
  const { stream, clock, logger } = memory;
  registry = await Registry.open({ stream, clock, logger, newId });
  [decisions, requests] = [[], []];
  const follow = { follow: true };
  const readers = [
    await stream.readToEnd('trigger-decisions', ({ value }) => void (value && decisions.push(value)), follow),
    await stream.readToEnd('retraining-requests', ({ value }) => void (value && requests.push(value)), follow),
  ];
  arrived = () => Promise.all(readers.map((reader) => reader.caughtUp()));
  await open();
});

afterEach(async () => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  await close();
  await registry.close();
  await memory.stream.close();
});

async function open(): Promise<void> {
  const { stream, logger } = memory;
  log = new DecisionLog(stream);
  // Work that ends with the process only: a request stays pending.
  const run = (_: unknown, signal: AbortSignal) =>
    new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  queue = new RequestQueue({ stream, registry, workflow: { run }, logger });
  await log.start();
  await queue.start();
}

async function close(): Promise<void> {
  await queue.close();
  await log.close();
}

function schedule(expression: string): Schedule {
  const { clock, logger } = memory;
  return new Schedule({ expression, registry, queue, log, clock, logger });
}

async function register(model: string, serves: boolean): Promise<void> {
  const about = { model, by: 'ana', reason: 'a test' };
  const version = await registry.registerVersion({
    ...about,
    runId: null,
    requestId: null,
    digest: 'd',
    labels: ['a', 'b'],
    metrics: {},
    lineage: null,
  });
  if (serves) await registry.promote({ ...about, version });
}

const said = () => decisions.map(({ model, outcome, reason }) => `${model} ${outcome}: ${reason}`);

describe('the schedule', () => {
  it('asks for every serving model, with all the labels there are', async () => {
    await register('news', true);
    await register('mail', true);
    await register('drafts', false);
    await schedule('0 9 * * *').fire(nine);
    await arrived();
    expect(said().toSorted()).toEqual([
      'mail fired: the schedule 0 9 * * * (UTC) asks for it',
      'news fired: the schedule 0 9 * * * (UTC) asks for it',
    ]);
    expect(requests[0]).toMatchObject({ policy: 'schedule', requestedBy: 'policy schedule', labelCutOff: 0 });
    expect(JSON.parse(requests[0]?.evidence ?? '')).toEqual({ expression: '0 9 * * *', minute: '2026-01-05T09:00' });
  });

  it('asks once a minute, and not while a request is under way', async () => {
    await register('news', true);
    await schedule('0 9 * * *').fire(nine);
    await schedule('0 9 * * *').fire(nine + 59_999);
    await schedule('0 9 * * *').fire(nine + 60_000);
    await arrived();
    expect(decisions.map(({ outcome }) => outcome)).toEqual(['fired', 'held']);
    expect(decisions[1]?.reason).toContain('already under way');
    expect(requests).toHaveLength(1);
  });

  it('goes by the clock in UTC once it is started, until it is closed', async () => {
    await register('news', true);
    vi.stubEnv('TZ', 'America/New_York');
    vi.setSystemTime(nine - 1000);
    const daily = schedule('0 9 * * *');
    await daily.start();
    await vi.advanceTimersByTimeAsync(999);
    await arrived();
    expect(requests).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(1);
    await arrived();
    expect(requests.map(({ id }) => id)).toEqual(['news:schedule:2026-01-05T09:00']);
    daily.close();
    await vi.advanceTimersByTimeAsync(2 * day);
    await arrived();
    expect(decisions).toHaveLength(1);
  });

  it('asks once for all that came while nothing ran', async () => {
    await register('news', true);
    await schedule('0 9 * * *').fire(nine);
    const restartAt = async (at: number) => {
      await close();
      await open();
      vi.setSystemTime(at);
      const again = schedule('0 9 * * *');
      await again.start();
      again.close();
      await arrived();
      return decisions.map(({ id }) => id);
    };
    expect(await restartAt(nine + day - 1)).toEqual(['news:schedule:2026-01-05T09:00']);
    const both = ['news:schedule:2026-01-05T09:00', 'news:schedule:2026-01-08T21:00'];
    expect(await restartAt(nine + 3.5 * day)).toEqual(both);
    expect(await restartAt(nine + 3.6 * day)).toEqual(both);
  });

  it.each(['0 9 * * *', ''])('%j asks for nothing that came before it was set', async (expression) => {
    await register('news', true);
    const first = schedule(expression);
    await first.start();
    first.close();
    await arrived();
    expect(decisions).toEqual([]);
  });

  it.each(['every monday', '0 9 31 2 *', '61 * * * *'])('refuses %j, and names the setting', (expression) => {
    expect(() => schedule(expression)).toThrow(/retraining\.triggers\.schedule is no cron expression.*Monday/);
  });
});
