import { expect, it } from 'vitest';
import { epochsOf } from './swaps.ts';
import { example } from './testing/examples.ts';
import type { Swap } from './wire.ts';

const swap = (epoch: number, instance: string | null, more: Partial<Swap> = {}): Swap => ({
  model: 'reviews',
  epoch,
  version: epoch,
  fromVersion: epoch > 1 ? epoch - 1 : null,
  instance,
  servingAt: instance === null ? null : `2026-03-0${epoch}T12:00:05.000Z`,
  firstOffsets: [],
  device: 'cpu',
  ...more,
});

it('has a column an epoch and a row an instance, those that are gone last', () => {
  const promotedAt = '2026-03-02 12:00:00.000';
  const swaps = [swap(2, 'inference-a', { promotedAt }), swap(1, 'inference-old'), swap(1, 'inference-a')];
  const { columns, instances } = epochsOf(swaps, [
    example('serving-status', 'serving'),
    example('serving-status', 'failed'),
  ]);
  expect(instances.map(({ name, current }) => [name, current?.state])).toEqual([
    ['inference-a', 'serving'],
    ['inference-b', 'failed'],
    ['inference-old', undefined],
  ]);
  expect(columns.map(({ epoch, at, byInstance }) => [epoch, new Date(at).toISOString(), byInstance.size])).toEqual([
    [1, '2026-03-01T12:00:05.000Z', 2],
    [2, '2026-03-02T12:00:00.000Z', 1],
  ]);
});

it('shows an epoch that no instance serves yet, and knows a rollback', () => {
  const { columns } = epochsOf(
    [swap(3, null, { action: 'rollback', version: 1 })],
    [example('serving-status', 'requested')],
  );
  expect(columns.map(({ epoch, version, rollback }) => [epoch, version, rollback])).toEqual([
    [2, 2, false],
    [3, 1, true],
  ]);
});
