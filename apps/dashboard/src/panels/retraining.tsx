import { duration, instant, percent, runFigures, words } from '../format.ts';
import { Badge } from '../parts/badge.tsx';
import { ClockTime } from '../parts/clock-time.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { useSelected } from '../store.ts';
import type { Gate, RetrainingStatus, Run } from '../wire.ts';

/** Runs shown. */
const shownRuns = 3;

export function Retraining() {
  const status = useSelected((state) => state.retraining);
  const runs = useSelected((state) => state.runs);
  const model = useSelected((state) => state.model) ?? 'NAME';
  return (
    <Panel
      id="retraining"
      title="Retraining"
      about="A new version is trained on labelled texts, compared with the serving one on texts neither was trained on, and promoted only if it passes every gate."
      aside={status === undefined ? undefined : <Badge state={status.idle ? 'idle' : 'running'} />}
    >
      {status === undefined ? <p class="quiet">Retraining has not said anything yet.</p> : <Now status={status} />}
      {runs.length === 0 ? (
        <Empty command={`npx tidemill train ${model} --wait`}>
          No run yet. Policies ask for one by themselves; so can you:
        </Empty>
      ) : (
        <ul class="runs" aria-label="Newest runs">
          {runs.slice(0, shownRuns).map((run) => (
            <RunEntry key={run.runId} run={run} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Now({ status }: { status: RetrainingStatus }) {
  if (status.idle)
    return status.ready ? <p class="quiet">Nothing is being trained.</p> : <p>{status.reasons.join('; ')}</p>;
  const { phase, progress, detail, gates } = status;
  const known = typeof progress === 'number';
  return (
    <div class="now" data-phase={phase ?? ''}>
      <p>
        <b>{words(phase ?? 'at work')}</b>
        {known ? ` ${percent(progress)}` : ''} {detail ?? ''}
      </p>
      <progress max={1} {...(known ? { value: progress } : {})} aria-label={`${phase ?? 'retraining'} progress`} />
      {gates === undefined || gates === null ? null : <Gates gates={gates} />}
    </div>
  );
}

function Gates({ gates }: { gates: readonly Gate[] }) {
  return (
    <ul class="gates" aria-label="Gates">
      {gates.map(({ name, passed, reason }) => (
        <li key={name}>
          <Badge state={passed ? 'passed' : 'failed'} />
          <span>
            {words(name)} {reason === undefined ? null : <span class="quiet">{reason}</span>}
          </span>
        </li>
      ))}
    </ul>
  );
}

function RunEntry({ run }: { run: Run }) {
  const { status, version, startedAt, finishedAt, reason, metrics, by } = run;
  const took = instant(finishedAt) - instant(startedAt);
  return (
    <li>
      <p class="log-head">
        <Badge state={status} />
        {version === null ? null : <b>v{version}</b>}
        {Number.isFinite(took) ? <span class="quiet">took {duration(took)}</span> : null}
        <ClockTime at={startedAt} />
      </p>
      {reason === '' ? null : (
        <p>
          {reason} <span class="quiet">({by})</span>
        </p>
      )}
      <Metrics metrics={metrics} />
    </li>
  );
}

function Metrics({ metrics }: { metrics: Readonly<Record<string, number>> }) {
  const figures = runFigures(metrics);
  if (figures.length === 0) return null;
  return (
    <dl class="metrics">
      {figures.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
