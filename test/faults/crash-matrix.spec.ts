import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../libs/stream/src/backend/kafkajs/client.ts';
import { KafkaSubscription } from '../../libs/stream/src/backend/kafkajs/subscription.ts';
import { CrashMatrix } from '../support/crash-matrix.ts';
import { batchPoints, swapPoints } from '../support/fault-points.ts';
import { testKafka } from '../support/stream.ts';
import { type WrongAnswer, wrongAt } from '../support/wrong-answers.ts';

/** The small crash matrix; the large one, with the tables and everything else that can break, is `npm run crash-matrix`. */

const options = () => ({
  libraries: process.env['TIDEMILL_TEST_KAFKA_LIBRARIES'] ?? '',
  registryUrl: testKafka().registryUrl,
  tables: false,
});
const few = 600;

let matrix: CrashMatrix;
beforeAll(async () => {
  matrix = await CrashMatrix.open(options());
  await matrix.scale(1);
});
afterAll(() => matrix[Symbol.asyncDispose]());

async function expectClean() {
  const { code, wrong, list, ...report } = await matrix.audit();
  expect({ code, wrong, list }).toEqual({ code: 0, wrong: {}, list: [] });
  expect(report).toMatchObject({ texts: matrix.sent, inFlight: 0 });
  expect(report.deadLetterErrors).toEqual(matrix.deadLetterErrors);
  expect(report.answered + report.deadLettered).toBe(matrix.sent);
  return report;
}

// In this order: each goes on where the one before has ended.
describe('inference', () => {
  it('swaps under load at the offsets it tells', { timeout: 60_000 }, async () => {
    for (let swap = 0; swap < 6; swap++) {
      await matrix.promote();
      await matrix.send(few);
      await matrix.caughtUp();
    }
    await expectClean();
    await expect.poll(() => matrix.wrongCutOvers(), { timeout: 10_000 }).toEqual([]);
  });

  it('killed between all steps loses, doubles, reorders and mislabels nothing', { timeout: 240_000 }, async () => {
    for (const point of batchPoints)
      await matrix.killAt({ point, skip: 1, signal: 'SIGKILL' }, { texts: few, promotes: false });
    const report = await expectClean();
    // Else the kills came at a bad time, and the figures say little.
    expect(report.repeated).toBeGreaterThan(0);
    expect(await matrix.mislabelled()).toEqual([]);
  });

  it('with a canary and a shadow beside: each text has the one answer it was told', { timeout: 240_000 }, async () => {
    await matrix.tryBeside();
    const calm = matrix.sent;
    await matrix.send(few);
    await matrix.caughtUp();
    // Nothing stood in the way of the canary: it answered its whole share.
    const before = await matrix.sides();
    expect(before.wrong).toEqual([]);
    expect(before.byCanary).toBeGreaterThan(few * 0.2);
    expect(before.passedOver.filter((id) => Number(id.slice(1)) >= calm)).toEqual([]);
    for (const point of swapPoints)
      await matrix.killAt({ point, skip: 0, signal: 'SIGKILL' }, { texts: few, promotes: true });
    for (const point of ['inferring', 'acknowledged']) {
      await matrix.tryBeside();
      await matrix.killAt({ point, skip: 1, signal: 'SIGKILL' }, { texts: few, promotes: false });
    }
    await matrix.tryBeside();
    await matrix.breakChallenger('canary', 'SIGKILL', few);
    const report = await expectClean();
    const { wrong, answered, byCanary } = await matrix.sides();
    expect(wrong).toEqual([]);
    expect(answered).toBe(report.answered);
    expect(byCanary).toBeGreaterThan(before.byCanary);
    expect(report.predictions['shadow']).toBeGreaterThan(few);
    expect(await matrix.mislabelled()).toEqual([]);
    await matrix.withdraw();
  });

  it('evicted while it was paused writes nothing for the batch it had', { timeout: 120_000 }, async () => {
    await matrix.scale(2);
    const before = await matrix.audit();
    await matrix.stopAt({ point: 'decoded', skip: 1 }, few);
    const report = await expectClean();
    expect(report.repeated).toBe(before.repeated);
  });

  it(
    'evicted between fence and request repeats one request at most, which changes nothing',
    { timeout: 120_000 },
    async () => {
      const before = await matrix.audit();
      await matrix.stopAt({ point: 'answered', skip: 1 }, few);
      const { repeated } = await expectClean();
      // It did write: else this would show nothing.
      expect(repeated - before.repeated).toBeGreaterThan(0);
      expect(repeated - before.repeated).toBeLessThanOrEqual(500);
    },
  );
});

describe('a member that stood still', () => {
  it('is not let through by the answer to a heartbeat it sent before', { timeout: 30_000 }, async () => {
    const { options, topicPrefix, stream } = matrix.test;
    const settings = { ...options, clientId: 'still' };
    const groupId = `${topicPrefix}still`;
    const sessionTimeout = 2000;
    const standstill = 2500;
    const consumer = createClient(settings).consumer({ groupId, sessionTimeout, heartbeatInterval: 1 });
    const underWay = Promise.withResolvers<void>();
    let late = false;
    consumer.on(consumer.events.REQUEST, ({ payload: { apiName, duration } }) => {
      if (apiName === 'Heartbeat') late = duration >= standstill;
    });
    consumer.on(consumer.events.HEARTBEAT, () => {
      if (late) underWay.resolve();
    });
    const fenced = Promise.withResolvers<unknown>();
    const subscription = new KafkaSubscription(
      consumer,
      {
        groupId,
        topics: [`${topicPrefix}labels`],
        concurrency: 1,
        bytesPerPartition: 1024,
        onFatal: fenced.reject,
        async handle(_, control) {
          // The timer of the lease has the same interval and was set first: its heartbeat has just left.
          await new Promise((resolve) => setTimeout(resolve, 1000));
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, standstill);
          await underWay.promise;
          fenced.resolve(await control.fence().catch((error: unknown) => error));
        },
      },
      { ...settings, sessionTimeout },
    );
    await stream.producer().sendRaw('labels', [{ key: 'a', value: Buffer.from('a') }]);
    await subscription.start();
    expect(await fenced.promise).toMatchObject({ code: 'CONSUMER_FENCED' });
    await subscription.stop();
  });
});

describe('a product that is wrong is found out', () => {
  it('commits first', { timeout: 90_000 }, async () => {
    await using wrong = await CrashMatrix.open({ ...options(), mutant: 'commits first' }, matrix);
    await wrong.scale(1);
    await wrong.promote();
    await wrong.killAt({ point: 'answered', skip: 1, signal: 'SIGKILL' }, { texts: few, promotes: false });
    const { code, wrong: found } = await wrong.audit();
    expect(code).toBe(1);
    expect(Object.keys(found)).toContain('missing');
  });

  it('answers wrongly', { timeout: 90_000 }, async () => {
    await using wrong = await CrashMatrix.open({ ...options(), mutant: 'answers wrongly' }, matrix);
    await wrong.scale(1);
    await wrong.promote();
    await wrong.send(few);
    await wrong.caughtUp();
    await wrong.promoteLongAgo();
    await wrong.send(few);
    await wrong.caughtUp();
    const { code, list, deadLetterErrors } = await wrong.audit();
    expect(code).toBe(1);
    const found = (kind: string, what: string) =>
      list.filter((one) => one.kind === kind && one.detail.includes(what)).map(({ offset }) => wrongAt(offset));
    const finds: [WrongAnswer | undefined, kind: string, what: string][] = [
      ['drops a text', 'missing', 'neither answer nor dead letter'],
      // All of them, from the second promotion on.
      [undefined, 'wrong-version', 'ms after a later one was promoted'],
      ['names another version', 'wrong-version', 'not version'],
      ['answers as a shadow', 'missing', 'neither answer nor dead letter'],
      ['answers as a canary', 'wrong-version', 'was never tried'],
      ['says two things', 'contradicting', 'said otherwise before'],
      ['says it twice', 'doubled', 'written twice by one producer'],
      ['another label', 'mislabelled', 'is not the most probable one'],
      ['swaps two texts', 'misattributed', 'names another text'],
      ['turns two texts round', 'out-of-order', 'answered after offset'],
    ];
    for (const [done, kind, what] of finds) expect(found(kind, what), `${done} is ${kind}`).toContain(done);
    expect(deadLetterErrors).toMatchObject({ 'model-failed': expect.any(Number) });
    const mislabelled = (await wrong.mislabelled()).map((place) => wrongAt(Number(/@(\d+)/.exec(place)?.[1])));
    expect(mislabelled).toContain('another answer');
    const sides = await wrong.sides();
    expect(sides.wrong).toContainEqual(expect.stringContaining('was scored by a shadow, and nothing answered it'));
    expect(sides.wrong).toContainEqual(expect.stringContaining('was not for version'));
    expect(await wrong.wrongCutOvers()).toContainEqual(expect.stringMatching(/: told/));
  });
});
