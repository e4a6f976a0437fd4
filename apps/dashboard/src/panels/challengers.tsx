import { count, percent } from '../format.ts';
import { Badge } from '../parts/badge.tsx';
import { ClockTime } from '../parts/clock-time.tsx';
import { useSelected } from '../store.ts';
import type { Comparison } from '../wire.ts';

/** Versions that are tried beside the one that serves, and how they do on the same labels; nothing while there is none. */
export function Challengers() {
  const comparisons = useSelected((state) => state.comparisons);
  if (comparisons.length === 0) return null;
  return (
    <section class="challengers" aria-label="Versions that are tried">
      <ul class="swaps">
        {comparisons.map((one) => (
          <li key={one.challenger}>
            <p>
              <b>v{one.challenger}</b> <Badge state={one.role ?? ''} text={roleOf(one)} /> since{' '}
              <ClockTime at={one.since} />
            </p>
            {silenceOf(one).map((error) => (
              <p key={error}>
                <Badge state="failed" text="does not answer" /> {error}
              </p>
            ))}
            <p>
              On {count(one.labels)} labels of both: only v{one.challenger} right{' '}
              <b>{count(one.onlyChallengerRight)}</b>, only v{one.champion} right <b>{count(one.onlyChampionRight)}</b>.
            </p>
            <p class="quiet">{one.role === 'shadow' ? 'Nobody is shown its answers.' : evidenceOf(one)}</p>
          </li>
        ))}
      </ul>
    </section>
  );
}

function roleOf({ role, share }: Comparison): string {
  return role === 'canary' ? `canary, answers ${percent(share ?? 0)}` : (role ?? '');
}

/** Why instances do not ask it although it is tried. */
function silenceOf({ instances }: Comparison): string[] {
  const errors = instances.filter(({ state }) => state === 'failed').map(({ error }) => error ?? 'no reason is known');
  return [...new Set(errors)];
}

function evidenceOf({ evidenceOfBetter, evidenceOfWorse, decisiveEvidence, ...one }: Comparison): string {
  const { onlyChampionRight, onlyChallengerRight } = one.shownByChallenger;
  const shown = `Where v${one.challenger} was shown: ${count(onlyChallengerRight)} and ${count(onlyChampionRight)}. `;
  const most = Math.max(evidenceOfBetter, evidenceOfWorse);
  const direction = evidenceOfBetter >= evidenceOfWorse ? 'better' : 'worse';
  if (most >= decisiveEvidence) return `${shown}Clearly ${direction}.`;
  return `${shown}Evidence that it is ${direction}: ${most.toPrecision(2)}; ${count(decisiveEvidence)} decides about a canary.`;
}
