import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CrashMatrix } from '../support/crash-matrix.ts';
import { batchPoints, mutants, swapPoints } from '../support/fault-points.ts';
import { testKafka } from '../support/stream.ts';

/** The small crash matrix; the large one is `npm run crash-matrix`. */

const options = () => ({
  libraries: process.env['TIDEMILL_TEST_KAFKA_LIBRARIES'] ?? '',
  registryUrl: testKafka().registryUrl,
  tables: false,
});

describe('one instance, killed between all steps', () => {
  let matrix: CrashMatrix;
  beforeAll(async () => {
    matrix = await CrashMatrix.open(options());
    await matrix.scale(1);
    await matrix.promote();
    await matrix.send(500);
    await matrix.caughtUp();
  });
  afterAll(() => matrix[Symbol.asyncDispose]());

  it('loses, doubles, reorders and mislabels nothing', { timeout: 240_000 }, async () => {
    for (const point of batchPoints)
      await matrix.killAt({ point, skip: 1, signal: 'SIGKILL' }, { texts: 800, promotes: false });
    for (const point of swapPoints)
      await matrix.killAt({ point, skip: 0, signal: 'SIGKILL' }, { texts: 800, promotes: true });
    const { code, wrong, list, ...report } = await matrix.audit();
    expect({ code, wrong, list }).toEqual({ code: 0, wrong: {}, list: [] });
    expect(report).toMatchObject({ texts: matrix.sent, inFlight: 0 });
    expect(report.answered + report.deadLettered).toBe(matrix.sent);
    // Else the kills came at a bad time, and the figures say little.
    expect(report.repeated).toBeGreaterThan(0);
    expect(await matrix.mislabelled()).toEqual([]);
  });
});
