/**
 * Realised error rates of the tests and coverage of the intervals, by simulation:
 *
 *     node --conditions=tidemill-source libs/evaluation/scripts/error-rates.ts
 *
 * Prints the tables of docs/statistics.md.
 */
import { seededRandom } from '#libs/statistics';
import {
  canaryVerdict,
  coverage,
  type Discordance,
  type Labelling,
  mcNemarRates,
  pairedCoverage,
  shareOf,
  worseAt,
} from './simulations.ts';

/** Of the intervals, for each row. */
const simulations = 1000;
const twenty = Array.from({ length: 20 });

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

function sequential(
  name: string,
  discordance: Discordance,
  { simulations: watches, labels }: { simulations: number; labels: number },
): void {
  const random = seededRandom(1);
  const found: number[] = [];
  const share = shareOf(watches, () => {
    const at = worseAt(discordance, { labels, errorRate: 0.01, random });
    if (at !== undefined) found.push(at);
    return at !== undefined;
  });
  const median = found.toSorted((a, b) => a - b)[Math.floor(found.length / 2)];
  console.log(`| ${name} | ${watches} | ${labels} | ${(100 * share).toFixed(2)} % | ${median ?? ''} |`);
}

console.log(
  '| rollback watch at error rate 1 % | simulations | labels, looked at one by one | called worse | at label (median) |',
);
console.log('|---|---|---|---|---|');
sequential('equally good, 10 % discordant', { onlyOld: 0.05, onlyNew: 0.05 }, { simulations: 10_000, labels: 5000 });
sequential('equally good, 60 % discordant', { onlyOld: 0.3, onlyNew: 0.3 }, { simulations: 10_000, labels: 5000 });
sequential('two points better', { onlyOld: 0.04, onlyNew: 0.06 }, { simulations: 10_000, labels: 5000 });
sequential('two points worse', { onlyOld: 0.06, onlyNew: 0.04 }, { simulations: 1000, labels: 5000 });
sequential('five points worse', { onlyOld: 0.08, onlyNew: 0.03 }, { simulations: 1000, labels: 5000 });
sequential('ten points worse', { onlyOld: 0.13, onlyNew: 0.03 }, { simulations: 1000, labels: 5000 });

const labellings: [string, Labelling][] = [
  ['any text', { right: 0.3, wrong: 0.3 }],
  ['10 % of the texts, and 30 % of shown errors', { right: 0.1, wrong: 0.37 }],
  ['shown errors only', { right: 0, wrong: 0.3 }],
];

function canary(name: string, discordance: Discordance, { labelled = labellings.slice(0, 2), trials = 1000 }): void {
  for (const [who, labelling] of labelled) {
    for (const share of [0.1, 0.3, 0.5]) {
      const random = seededRandom(2);
      const options = { errorRate: 0.01, minimumLabels: 50, maximumLabels: 10_000, share, labelling, random };
      const ends = Array.from({ length: trials }, () => canaryVerdict(discordance, options));
      const of = (wanted: string) => ends.filter(({ verdict }) => verdict === wanted);
      const shares = ['better', 'worse', 'no-difference'].map((wanted) => (100 * of(wanted).length) / trials);
      const decided = ends.filter(({ verdict }) => verdict !== 'no-difference').map(({ labels }) => labels);
      const median = decided.toSorted((a, b) => a - b)[Math.floor(decided.length / 2)];
      const cells = [name, who, share, trials, ...shares.map((one) => `${one.toFixed(2)} %`), median ?? ''];
      console.log(`| ${cells.join(' | ')} |`);
    }
  }
}

console.log(
  '\n| canary at 1 % in each direction, up to 10,000 labels | who labels | share | trials | better | worse | neither | at label (median) |',
);
console.log('|---|---|---|---|---|---|---|---|');
canary('equally good, 10 % discordant', { onlyOld: 0.05, onlyNew: 0.05 }, { labelled: labellings, trials: 5000 });
canary('ten points worse', { onlyOld: 0.13, onlyNew: 0.03 }, { labelled: labellings });
canary('two points better', { onlyOld: 0.04, onlyNew: 0.06 }, {});
canary('five points better', { onlyOld: 0.03, onlyNew: 0.08 }, {});
canary('ten points better', { onlyOld: 0.03, onlyNew: 0.13 }, {});

console.log('\n| McNemar at 5 %, 300 texts | exact, two-sided | mid-p, one-sided |\n|---|---|---|');
for (const [name, discordance] of [
  ['equally good, 10 % discordant', { onlyOld: 0.05, onlyNew: 0.05 }],
  ['equally good, 40 % discordant', { onlyOld: 0.2, onlyNew: 0.2 }],
  ['five points better', { onlyOld: 0.03, onlyNew: 0.08 }],
] as const) {
  const { exact, midPBetter } = mcNemarRates(discordance);
  console.log(`| ${name} | ${percent(exact)} | ${percent(midPBetter)} |`);
}

const intervals =
  '\n| 95 % intervals, share that cover the truth | texts | accuracy | macro-F1 | difference of accuracy | of macro-F1 |';
console.log(`${intervals}\n|---|---|---|---|---|---|`);
const populations = [
  ['3 classes 60/25/15, recalls .95', { shares: [0.6, 0.25, 0.15], recall: [0.95, 0.95, 0.95] }],
  ['3 classes 60/25/15, recalls .8/.6/.4', { shares: [0.6, 0.25, 0.15], recall: [0.8, 0.6, 0.4] }],
  ['3 classes 80/15/5, recalls .99', { shares: [0.8, 0.15, 0.05], recall: [0.99, 0.99, 0.99] }],
  ['20 classes, recalls .97', { shares: twenty.map(() => 0.05), recall: twenty.map(() => 0.97) }],
] as const;
for (const [name, { shares, recall }] of populations) {
  for (const texts of [50, 200, 1000]) {
    const population = { shares: [...shares], recall: [...recall] };
    const one = coverage(population, { texts, simulations });
    const two = pairedCoverage(population, { texts, simulations });
    const shown = [one.accuracy, one.macroF1, two.accuracy, two.macroF1].map((share) => percent(share)).join(' | ');
    console.log(`| ${name} | ${texts} | ${shown} |`);
  }
}
