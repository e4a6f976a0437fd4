import type { MeasureName } from './measures.ts';
import type { DriftStatistic, DriftVerdict } from './verdict.ts';

const titles: Record<MeasureName, string> = {
  textLength: 'text length',
  wordCount: 'words a text',
  characterDistribution: 'the characters used',
  wordOutOfVocabularyShare: 'word out-of-vocabulary share',
  ngramOutOfVocabularyShare: 'n-gram out-of-vocabulary share',
  confidenceDistribution: 'confidence',
  expectedAccuracy: 'expected accuracy',
  predictedClasses: 'predicted classes',
};

const shares: readonly MeasureName[] = ['wordOutOfVocabularyShare', 'ngramOutOfVocabularyShare', 'expectedAccuracy'];

/** Class shares that moved this far are mentioned. */
const mentionedZ = 4;

/** The verdict in a sentence that names what moved. */
export function reasonOf(
  { verdict, causes }: { verdict: DriftVerdict; causes: readonly DriftStatistic[] },
  { classes, familyWiseP, draws }: { classes: DriftStatistic | undefined; familyWiseP: number; draws: number },
): string {
  const moved = causes.map((cause) => describe(cause)).join(' and ');
  const shift =
    classes !== undefined && classes.zScore >= mentionedZ
      ? `; class shares moved (z ${shown(classes.zScore)}), which alone is no drift`
      : '';
  if (verdict === 'drift') return moved;
  if (verdict === 'warning') {
    return `${moved}: more than chance (family-wise p ${familyWiseP.toFixed(3)}), not enough for drift${shift}`;
  }
  const [most] = causes;
  const largest = most === undefined ? '' : ` (largest z ${shown(most.zScore)}, ${titles[most.name]})`;
  return `within what ${draws} held-out reference windows show${largest}${shift}`;
}

function describe({ name, value, nullMean, zScore }: DriftStatistic): string {
  const z = `z ${shown(zScore)}`;
  if (!shares.includes(name))
    return `${titles[name]} moved (distance ${value.toFixed(3)} against ${nullMean.toFixed(3)}, ${z})`;
  const verb = value >= nullMean ? 'rose' : 'fell';
  return `${titles[name]} ${verb} from ${percent(nullMean)} to ${percent(value)} (${z})`;
}

/** One decimal, and no negative zero. */
function shown(z: number): string {
  return (Math.round(10 * z) / 10 + 0).toFixed(1);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
