/**
 * How often the drift comparison is wrong when nothing has changed, and how often it sees what has, by simulation:
 *
 *     node --conditions=tidemill-source libs/statistics/scripts/error-rates.ts [references, default 100]
 *
 * Prints the table of docs/statistics.md.
 */
import { type Simulation, simulate } from './null-simulation.ts';

const references = Number(process.argv[2] ?? 100);
const usual = { a: 60, b: 25, c: 15 };
const moved = { a: 20, b: 30, c: 50 };
const base = { reference: { shares: usual }, window: { shares: usual }, references, windowsEach: 5, seed: 1 };
const large = { referenceTexts: 1200, windowTexts: 300 };
const small = { referenceTexts: 600, windowTexts: 100 };
const threaded = { shares: usual, threadLength: 8 };

const simulations: [name: string, Simulation][] = [
  ['nothing changed, 1,200 / 300', { ...base, ...large }],
  ['nothing changed, 600 / 100', { ...base, ...small }],
  ['class shares moved, 1,200 / 300', { ...base, ...large, window: { shares: moved } }],
  ['class shares moved, 600 / 100', { ...base, ...small, window: { shares: moved } }],
  ['threads of 8 texts, 1,200 / 300', { ...base, ...large, reference: threaded, window: threaded }],
  ['threads of 8 texts, 600 / 100', { ...base, ...small, reference: threaded, window: threaded }],
  ['10 % unseen language, 1,200 / 300', { ...base, ...large, window: { shares: { ...usual, unseen: 100 / 9 } } }],
  ['20 % unseen language, 1,200 / 300', { ...base, ...large, window: { shares: { ...usual, unseen: 25 } } }],
  ['40 % unseen language, 600 / 100', { ...base, ...small, window: { shares: { ...usual, unseen: 200 / 3 } } }],
];

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
console.log(
  '| texts of reference / window | windows | warning or drift | drift | drift card not empty | p ≤ .05, least to most |',
);
console.log('|---|---|---|---|---|---|');
for (const [name, simulation] of simulations) {
  const { windows, warning, drift, card, statistics } = simulate(simulation);
  const { predictedClasses: _classes, ...watched } = statistics;
  const rates = Object.values(watched).toSorted((a, b) => a - b);
  const range = `${percent(rates[0] ?? 0)} – ${percent(rates.at(-1) ?? 0)}`;
  console.log(`| ${name} | ${windows} | ${percent(warning)} | ${percent(drift)} | ${percent(card)} | ${range} |`);
}
