import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toRow } from '#libs/clickhouse';
import type { DriftReport, Prediction, TriggerDecision } from '#libs/events';
import { RestClient } from './rest-client.ts';
import { type RestStack, startRestStack } from './rest-stack.ts';

let stack: RestStack;
let client: RestClient;
beforeAll(async () => {
  stack = await startRestStack();
  client = await RestClient.connect(stack.url);
});
afterAll(() => stack[Symbol.asyncDispose]());

const hour = 3_600_000;
const start = Date.UTC(2026, 0, 1);

function driftReport(index: number): DriftReport {
  const windowStart = start + index * hour;
  return {
    id: `m:${index}`,
    model: 'm',
    version: 1,
    epoch: 1,
    windowStart,
    windowEnd: windowStart + hour,
    revision: 0,
    texts: 300,
    referenceTexts: 1200,
    verdict: index % 2 === 0 ? 'stable' : 'drift',
    reason: 'because',
    statistics: [
      {
        name: 'words',
        value: 1,
        nullMean: 0.5,
        nullStandardDeviation: 0.1,
        zScore: 5,
        pValue: 0.01,
        informative: false,
      },
    ],
    movements: [
      {
        term: 'waa',
        kind: 'word',
        referenceRate: 0.1,
        windowRate: 0.4,
        referenceTexts: 1200,
        windowTexts: 300,
        pValue: 0.001,
      },
    ],
    predictedShares: { a: 0.25, b: 0.75 },
    expectedAccuracy: 0.8,
    createdAt: windowStart + hour,
  };
}

function prediction(textId: string, changes: Partial<Prediction> = {}): Prediction {
  return {
    textId,
    model: 'm',
    version: 1,
    epoch: 1,
    bundleDigest: 'd',
    label: 'a',
    confidence: 0.75,
    probabilities: { a: 0.75, b: 0.25 },
    role: 'champion',
    inputTopic: 'texts',
    inputPartition: 0,
    inputOffset: 1,
    occurredAt: start,
    inferredAt: start + 5,
    device: 'cpu',
    truncated: false,
    queueMilliseconds: 1,
    inferenceMilliseconds: 2,
    ...changes,
  };
}

interface Page {
  items: { windowEnd: string; id: string; decidedAt: string; epoch: number }[];
  nextCursor: string | null;
}

async function pages(path: string): Promise<Page['items']> {
  const items: Page['items'] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const answer = await client.get(`${path}${cursor === '' ? '' : `&cursor=${cursor}`}`);
    const page = answer.body as Page;
    items.push(...page.items);
    cursor = page.nextCursor;
  }
  return items;
}

describe('lists', () => {
  it('pages drift reports newest first, none twice, none left out', async () => {
    const reports = Array.from({ length: 23 }, (_, index) => driftReport(index));
    await stack.clickhouse.insert(
      'drift_reports',
      reports.map((report) => toRow('drift_reports', report)),
    );
    const items = await pages('/v1/models/m/drift-reports?limit=5');
    expect(items.map(({ id }) => id)).toEqual(reports.map(({ id }) => id).toReversed());
    const answer = await client.get('/v1/models/m/drift-reports?limit=1');
    expect((answer.body as { items: unknown[] }).items[0]).toMatchObject({
      windowEnd: new Date(start + 23 * hour).toISOString(),
      movements: [{ term: 'waa', windowRate: 0.4 }],
      predictedShares: { a: 0.25, b: 0.75 },
    });
  });

  it('narrows to a verdict and to a time', async () => {
    const drift = await pages('/v1/models/m/drift-reports?verdict=drift&limit=500');
    expect(drift).toHaveLength(11);
    const from = new Date(start + 10 * hour).toISOString();
    const to = new Date(start + 12 * hour).toISOString();
    const between = await pages(`/v1/models/m/drift-reports?from=${from}&to=${to}&limit=500`);
    expect(between.map(({ windowEnd }) => windowEnd)).toEqual([new Date(start + 11 * hour).toISOString(), from]);
  });

  it('pages decisions taken at the same instant', async () => {
    const decisions = Array.from({ length: 9 }, (_, index): TriggerDecision => ({
      id: `d${index}`,
      model: 'm',
      policy: 'drift',
      outcome: 'not-met',
      reason: 'quiet',
      evidence: '{}',
      occurredAt: start,
      decidedAt: start,
      requestId: null,
    }));
    await stack.clickhouse.insert(
      'trigger_decisions',
      decisions.map((one) => toRow('trigger_decisions', one)),
    );
    const items = await pages('/v1/models/m/decisions?limit=2');
    expect(items.map(({ id }) => id)).toEqual(decisions.map(({ id }) => id).toReversed());
  });

  it('says which instance took over at which offsets', async () => {
    const version = {
      model: 'm',
      bundleDigest: 'd',
      action: 'promote',
      reason: 'better',
      promotedBy: 'ann',
      signature: null,
      revision: 0,
      challengers: [],
    };
    await stack.clickhouse.insert(
      'model_versions',
      [1, 2].map((n) => toRow('model_versions', { ...version, version: n, epoch: n * 10, at: start + n })),
    );
    const at = (n: number) => start + n;
    const told = (instance: string, state: string, n: number, more: object = {}) =>
      toRow('serving_status', {
        model: 'm',
        version: 2,
        epoch: 20,
        bundleDigest: 'd',
        firstOffsets: [],
        device: '',
        error: null,
        instance,
        state,
        at: at(n),
        ...more,
      });
    const serving = (instance: string, n: number, firstOffsets: object[]) =>
      told(instance, 'serving', n, { firstOffsets, device: 'cpu' });
    await stack.clickhouse.insert('serving_status', [
      told('i', 'requested', 3),
      told('i', 'failed', 4, { error: 'away' }),
      told('i', 'fetched', 5),
      told('i', 'verified', 6),
      told('i', 'warm', 8),
      serving('i', 9, []),
      serving('i', 10, [{ partition: 1, offset: 7 }]),
      serving('i', 12, [
        { partition: 0, offset: 4 },
        { partition: 1, offset: 7 },
      ]),
      // Started again: the same swap, whatever it answers first now.
      ...['requested', 'fetched', 'verified', 'warm'].map((state) => told('i', state, 30)),
      serving('i', 31, [{ partition: 1, offset: 90 }]),
      // Took partition 1 over from the first instance.
      told('j', 'requested', 20),
      serving('j', 21, [{ partition: 1, offset: 50 }]),
      told('k', 'requested', 3),
      told('k', 'failed', 7, { error: 'disk full' }),
    ]);
    const iso = (n: number) => new Date(at(n)).toISOString();
    const answer = await client.get('/v1/models/m/swaps');
    expect(answer.body).toMatchObject({
      items: [
        { epoch: 20, instance: 'k', state: 'failed', servingAt: null, failures: 1, error: 'disk full', device: null },
        { epoch: 20, instance: 'j', state: 'serving', firstOffsets: [{ partition: 1, offset: 50, at: iso(21) }] },
        {
          epoch: 20,
          version: 2,
          fromVersion: 1,
          instance: 'i',
          state: 'serving',
          failures: 1,
          device: 'cpu',
          requestedAt: iso(3),
          fetchedAt: iso(5),
          verifiedAt: iso(6),
          warmAt: iso(8),
          servingAt: iso(9),
          firstOffsets: [
            { partition: 0, offset: 4, at: iso(12) },
            { partition: 1, offset: 7, at: iso(10) },
          ],
        },
        { epoch: 10, version: 1, fromVersion: null, instance: null, state: 'none', servingAt: null, firstOffsets: [] },
      ],
    });
    expect((await pages('/v1/models/m/swaps?limit=1')).map(({ epoch }) => epoch)).toEqual([20, 20, 20, 10]);
  });

  it.each([
    ['drift-reports?limit=0', '/limit'],
    ['drift-reports?limit=x', '/limit'],
    ['drift-reports?verdict=maybe', '/verdict'],
    ['drift-reports?from=yesterday', '/from'],
    ['performance-reports?cursor=nonsense', '/cursor'],
    ['decisions?colour=red', '/colour'],
  ])('answers 422 to %s', async (path, pointer) => {
    const answer = await client.get(`/v1/models/m/${path}`);
    expect(answer).toMatchObject({ status: 422, body: { errors: [expect.objectContaining({ pointer })] } });
  });

  it('has an empty page where there is nothing', async () => {
    expect((await client.get('/v1/models/m/performance-reports')).body).toEqual({ items: [], nextCursor: null });
  });
});

describe('GET /v1/predictions/{textId}', () => {
  it('answers the effective prediction: latest record, lowest epoch', async () => {
    await stack.clickhouse.insert('predictions', [
      toRow('predictions', prediction('p1', { label: 'old', inputOffset: 1 })),
      toRow('predictions', prediction('p1', { label: 'first', inputOffset: 2, epoch: 3 })),
      toRow('predictions', prediction('p1', { label: 'second', inputOffset: 2, epoch: 4 })),
    ]);
    const answer = await client.get('/v1/predictions/p1?model=m');
    expect(answer).toMatchObject({
      status: 200,
      body: { textId: 'p1', label: 'first', epoch: 3, occurredAt: new Date(start).toISOString() },
    });
    const view = await stack.clickhouse.query<{ label: string }>(
      `SELECT label FROM effective_predictions WHERE text_id = 'p1'`,
    );
    expect(view).toEqual([{ label: 'first' }]);
  });

  it('waits for one that is still to come', async () => {
    const answer = client.get('/v1/predictions/p2?wait=20s');
    await stack.clickhouse.insert('predictions', [toRow('predictions', prediction('p2'))]);
    expect((await answer).status).toBe(200);
  });

  it('answers 404 when the wait is over', async () => {
    const answer = await client.get('/v1/predictions/p3?wait=300ms');
    expect(answer).toMatchObject({ status: 404, body: { detail: expect.stringContaining('p3') } });
  });

  it('asks which model is meant when several answered', async () => {
    await stack.clickhouse.insert('predictions', [
      toRow('predictions', prediction('p4')),
      toRow('predictions', prediction('p4', { model: 'other' })),
    ]);
    const answer = await client.get('/v1/predictions/p4');
    expect(answer).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/model', message: 'one of m, other' }] },
    });
    expect((await client.get('/v1/predictions/p4?model=other')).body).toMatchObject({ model: 'other' });
  });

  it.each(['wait=soon', 'wait=90s', 'model=A'])('answers 422 to ?%s', async (query) => {
    expect((await client.get(`/v1/predictions/p1?${query}`)).status).toBe(422);
  });
});
