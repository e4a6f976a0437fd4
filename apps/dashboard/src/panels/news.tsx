import { useSelected } from '../store.ts';
import type { State } from '../state.ts';

/** What matters, said to who listens instead of looking. */
export function News() {
  const verdict = useSelected(newestDrift);
  const swap = useSelected(newestSwap);
  return (
    <div class="unseen" role="log" aria-live="polite">
      {verdict === undefined ? null : <p key={verdict}>{verdict}</p>}
      {swap === undefined ? null : <p key={swap}>{swap}</p>}
    </div>
  );
}

function newestDrift({ drift }: State): string | undefined {
  const report = drift.at(-1);
  return report?.verdict === 'drift' ? `Drift in the newest window: ${report.reason}` : undefined;
}

function newestSwap({ swaps }: State): string | undefined {
  const swap = swaps.find(({ instance }) => instance !== null);
  return swap === undefined ? undefined : `Version ${swap.version} of ${swap.model} serves.`;
}
