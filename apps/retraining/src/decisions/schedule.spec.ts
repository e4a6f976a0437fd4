import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RetrainingRequest, TriggerDecision } from '#libs/events';
import { newId } from '#libs/platform';
import { Registry } from '#libs/registry';
import { type MemoryStream, openMemoryStream } from '../../../../libs/stream/src/testing/memory-stream.ts';
import { RequestQueue } from '../workflow/request-queue.ts';
import { DecisionLog } from './decision-log.ts';
import { Schedule } from './schedule.ts';

const nine = Date.UTC(2026, 0, 5, 9);

let memory: MemoryStream;
let registry: Registry;
let queue: RequestQueue;
let log: DecisionLog;
let decisions: TriggerDecision[];
let requests: RetrainingRequest[];

beforeEach(async () => {
  memory = await openMemoryStream();
  const { stream, clock, logger } = memory;
  registry = await Registry.open({ stream, clock, logger, newId });
  log = new DecisionLog(stream);
  // Work that ends with the test only: a request stays pending.
  const run = (_: unknown, signal: AbortSignal) =>
    new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
  queue = new RequestQueue({ stream, registry, workflow: { run }, logger });
  [decisions, requests] = [[], []];
  const follow = { follow: true };
  await stream.readToEnd('trigger-decisions', ({ value }) => void (value && decisions.push(value)), follow);
  await stream.readToEnd('retraining-requests', ({ value }) => void (value && requests.push(value)), follow);
  await log.start();
  await queue.start();
});

afterEach(async () => {
  await queue.close();
  await log.close();
  await registry.close();
  await memory.stream.close();
});

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
    await vi.waitUntil(() => requests.length === 2 && decisions.length === 2);
    expect(said().toSorted()).toEqual([
      'mail fired: the schedule 0 9 * * * (UTC) asks for it',
      'news fired: the schedule 0 9 * * * (UTC) asks for it',
    ]);
    expect(requests[0]).toMatchObject({ policy: 'schedule', requestedBy: 'policy schedule', labelCutOff: 0 });
    expect(JSON.parse(requests[0]?.evidence ?? '')).toEqual({ expression: '0 9 * * *', minute: '2026-01-05T09:00' });
  });

  it('asks once a minute, also after a restart, and not while a request is under way', async () => {
    await register('news', true);
    await schedule('0 9 * * *').fire(nine);
    await queue.caughtUp();
    await schedule('0 9 * * *').fire(nine + 59_999);
    await schedule('0 9 * * *').fire(nine + 60_000);
    await vi.waitUntil(() => decisions.length === 2);
    expect(decisions.map(({ outcome }) => outcome)).toEqual(['fired', 'held']);
    expect(decisions[1]?.reason).toContain('already under way');
    expect(requests).toHaveLength(1);
  });

  it('goes by the clock once it is started, until it is closed', async () => {
    await register('news', true);
    const everySecond = schedule('* * * * * *');
    everySecond.start();
    await vi.waitUntil(() => requests.length === 1, 5000);
    everySecond.close();
    expect(requests[0]?.id).toMatch(/^news:schedule:20\d\d-/);
  });

  it('refuses an expression that it cannot read, and names the setting', () => {
    expect(() => schedule('every monday')).toThrow(/retraining\.triggers\.schedule is no cron expression/);
    expect(() => schedule('')).not.toThrow();
  });
});
