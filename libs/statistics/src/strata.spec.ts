import { expect, it } from 'vitest';
import { Strata } from './strata.ts';

const predictions = (sizes: Record<string, number>) =>
  Object.entries(sizes).flatMap(([label, size]) => Array.from({ length: size }, () => label));

it('compares classes with enough texts on their own and the others together', () => {
  const strata = new Strata(predictions({ a: 50, b: 30, c: 12, d: 9 }));
  expect(strata.count).toBe(3);
  expect(['a', 'b', 'c', 'd', 'never seen'].map((label) => strata.of(label))).toEqual([0, 1, 2, 2, 2]);
});

it('puts the others to the largest class when together they are too few', () => {
  const strata = new Strata(predictions({ a: 50, b: 30, c: 3 }));
  expect(strata.count).toBe(2);
  expect(strata.of('c')).toBe(0);
});

it('has one stratum when no class is large enough', () => {
  const strata = new Strata(predictions({ a: 5, b: 4 }));
  expect([strata.count, strata.of('a'), strata.of('z')]).toEqual([1, 0, 0]);
});
