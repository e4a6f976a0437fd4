import { useState } from 'preact/hooks';
import { evidenceText } from '../format.ts';
import { Badge } from '../parts/badge.tsx';
import { ClockTime } from '../parts/clock-time.tsx';
import { Empty, Panel } from '../parts/panel.tsx';
import { useSelected } from '../store.ts';
import type { Decision } from '../wire.ts';

const filters = [
  { outcome: undefined, name: 'All' },
  { outcome: 'fired', name: 'Fired' },
  { outcome: 'held', name: 'Held' },
  { outcome: 'not-met', name: 'Not met' },
] as const;

export function Decisions() {
  const decisions = useSelected((state) => state.decisions);
  const [outcome, filter] = useState<string | undefined>(undefined);
  const shown = decisions.filter((decision) => outcome === undefined || decision.outcome === outcome);
  const buttons = (
    <div class="filters" role="group" aria-label="Outcome">
      {filters.map((one) => (
        <button
          type="button"
          key={one.name}
          class="button"
          aria-pressed={one.outcome === outcome}
          onClick={() => filter(one.outcome)}
        >
          {one.name}
        </button>
      ))}
    </div>
  );
  return (
    <Panel
      id="decisions"
      title="Trigger decisions"
      about="Each policy says after every report whether to retrain, and why or why not: fired asks for it, held would but something forbids it now, not met sees no need."
      aside={decisions.length > 0 ? buttons : undefined}
    >
      {decisions.length === 0 ? (
        <Empty>
          Policies decide with the first report; drift, accuracy, new labels and the schedule are all looked at.
        </Empty>
      ) : (
        <ul class="log" tabIndex={0} aria-label="Decisions, newest first">
          {shown.map((decision) => (
            <Entry key={`${decision.id}${decision.outcome}${decision.decidedAt}`} decision={decision} />
          ))}
          {shown.length === 0 ? <li class="quiet">None of the newest {decisions.length}.</li> : null}
        </ul>
      )}
    </Panel>
  );
}

function Entry({ decision }: { decision: Decision }) {
  const { outcome, policy, reason, decidedAt, evidence } = decision;
  const figures = evidenceText(evidence);
  return (
    <li>
      <p class="log-head">
        <Badge state={outcome} /> <b>{policy}</b> <ClockTime at={decidedAt} />
      </p>
      <p>{reason}</p>
      {figures === '' ? null : (
        <details>
          <summary>Evidence</summary>
          <p class="quiet">{figures}</p>
        </details>
      )}
    </li>
  );
}
