import { useMemo } from 'preact/hooks';
import { count, instant, percent, pValue, statisticTitle, statisticValue, visibleTerm, windowName } from '../format.ts';
import { Badge } from '../parts/badge.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { useSelected } from '../store.ts';
import { chosenWindow, windowsOf } from '../time-line.ts';
import type { DriftReport, DriftStatistic, Movement } from '../wire.ts';

const about =
  'What one window says: each statistic against windows held out from the reference (the texts the serving version saw first), and the words and letters that moved.';

export function DriftCard() {
  const drift = useSelected((state) => state.drift);
  const chosen = useSelected((state) => state.window);
  const report = useMemo(() => {
    const windows = windowsOf(drift, []);
    return chosenWindow(windows, chosen)?.drift;
  }, [drift, chosen]);
  if (report === undefined) {
    return (
      <Panel id="drift-card" title="Drift card" about={about}>
        <Empty>
          It appears with the first window that closes: which statistic moved and how far beyond chance, and which
          words, letter sequences and characters became more or less frequent.
        </Empty>
      </Panel>
    );
  }
  return (
    <Panel id="drift-card" title="Drift card" about={about} aside={<Badge state={report.verdict} />}>
      <Card report={report} />
    </Panel>
  );
}

function Card({ report }: { report: DriftReport }) {
  const { reason, windowStart, windowEnd, texts, referenceTexts, version, revision, statistics, movements } = report;
  return (
    <article data-window={report.id}>
      <p class="card-name">
        {windowName(instant(windowStart), instant(windowEnd))} UTC · {count(texts)} texts against{' '}
        {count(referenceTexts)} · v{version}
        {revision > 0 ? ` · restated ${revision === 1 ? 'once' : `${revision} times`} for late texts` : ''}
      </p>
      <p class="reason" dir="auto" aria-live="polite">
        {reason}
      </p>
      {statistics.length > 0 ? <Statistics statistics={statistics} /> : null}
      <Shares shares={report.predictedShares} />
      <Movements movements={movements} verdict={report.verdict} />
    </article>
  );
}

function Statistics({ statistics }: { statistics: readonly DriftStatistic[] }) {
  const sorted = statistics.toSorted((a, b) => Number(a.informative) - Number(b.informative) || b.zScore - a.zScore);
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label="Statistics of the window">
      <table>
        <thead>
          <tr>
            <th scope="col">Statistic</th>
            <th scope="col" class="number">
              Window
            </th>
            <th scope="col" class="number">
              No change
            </th>
            <th scope="col" class="scale">
              Among unchanged windows
            </th>
            <th scope="col" class="number">
              z
            </th>
            <th scope="col" class="number">
              p
            </th>
          </tr>
        </thead>
        <tbody>
          {sorted.map((statistic) => (
            <Row key={statistic.name} statistic={statistic} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ statistic }: { statistic: DriftStatistic }) {
  const { name, value, nullMean, nullStandardDeviation, zScore, pValue: p, informative } = statistic;
  return (
    <tr class={informative ? 'informative' : ''}>
      <th scope="row">
        {statisticTitle(name)}
        {informative ? <small> (information only)</small> : null}
      </th>
      <td class="number">{statisticValue(name, value)}</td>
      <td class="number">
        {statisticValue(name, nullMean)} <small class="spread">± {statisticValue(name, nullStandardDeviation)}</small>
      </td>
      <td class="scale">
        <ZScale z={zScore} />
      </td>
      <td class="number">{Number.isFinite(zScore) ? zScore.toFixed(1) : '–'}</td>
      <td class="number">{pValue(p)}</td>
    </tr>
  );
}

/** Standard deviations shown; what lies farther out stands at the edge with an arrow. */
const zRange = { low: -4, high: 12 };

/** The band holds 95 % of unchanged windows, the dot is this one. */
function ZScale({ z }: { z: number }) {
  const x = (value: number) =>
    (100 * (Math.min(Math.max(value, zRange.low), zRange.high) - zRange.low)) / (zRange.high - zRange.low);
  const tone = z >= 6 ? 'bad' : z >= 3 ? 'warn' : 'ok';
  return (
    <svg class={`z-scale tone-${tone}`} viewBox="-4 0 108 14" aria-hidden="true">
      <line class="z-line" x1="0" x2="100" y1="7" y2="7" />
      <rect class="z-band" x={x(-2)} width={x(2) - x(-2)} y="3" height="8" rx="2" />
      {z > zRange.high ? (
        <path class="z-dot" d="M94 2.500l8 4.500-8 4.500z" />
      ) : (
        <circle class="z-dot" cx={x(z)} cy="7" r="4" />
      )}
    </svg>
  );
}

function Shares({ shares }: { shares: Readonly<Record<string, number>> }) {
  const entries = Object.entries(shares).sort(([, a], [, b]) => b - a);
  if (entries.length === 0) return null;
  return (
    <p class="shares">
      Predicted:{' '}
      {entries.slice(0, 8).map(([label, share]) => (
        <span key={label}>
          <bdi>{label}</bdi> {percent(share)}
        </span>
      ))}
      {entries.length > 8 ? <span>and {entries.length - 8} more</span> : null}
    </p>
  );
}

const kinds = [
  { kind: 'word', title: 'Words' },
  { kind: 'ngram', title: 'Letter sequences' },
  { kind: 'character', title: 'Characters' },
] as const;

function Movements({ movements, verdict }: { movements: readonly Movement[]; verdict: string }) {
  if (movements.length === 0)
    return (
      <p class="quiet">
        {verdict === 'collecting'
          ? 'The reference is still being collected.'
          : 'No word or letter moved more than chance explains.'}
      </p>
    );
  return (
    <div class="movements">
      {kinds.map(({ kind, title }) => {
        const rows = movements.filter((movement) => movement.kind === kind);
        return rows.length === 0 ? null : <MovementList key={kind} title={title} rows={rows} />;
      })}
      <p class="bar-key">
        <span class="key-before" aria-hidden="true" /> share of reference texts with it{' '}
        <span class="key-after" aria-hidden="true" /> of this window’s
      </p>
    </div>
  );
}

function MovementList({ title, rows }: { title: string; rows: readonly Movement[] }) {
  const most = Math.max(...rows.flatMap(({ referenceRate, windowRate }) => [referenceRate, windowRate]), 0.01);
  return (
    <section>
      <h3>{title}</h3>
      <ul class="moved">
        {rows.map(({ term, referenceRate, windowRate, referenceTexts, windowTexts }) => (
          <li key={term} title={`${count(referenceTexts)} reference texts, ${count(windowTexts)} of this window`}>
            <bdi class="term" dir="auto">
              {visibleTerm(term)}
            </bdi>
            <span class="bars" aria-hidden="true">
              <span class="before" style={{ width: `${(100 * referenceRate) / most}%` }} />
              <span class="after" style={{ width: `${(100 * windowRate) / most}%` }} />
            </span>
            <span class="rates">
              {percent(referenceRate)} <span class="arrow">→</span> <b>{percent(windowRate)}</b>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
