import type { Page } from 'playwright-core';
import { expect } from 'vitest';

const patience = { timeout: 15_000, interval: 50 };

/**
 * What a person must find on the page after a whole loop: drift found, version 2 trained, promoted and serving.
 * @param url of the gateway, with the loop behind it
 */
export async function checkDashboard(page: Page, url: string): Promise<void> {
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await page.goto(url);
  await connectionIs(page, 'live');

  await tellsTheStory(page);
  await chooseByKeyboard(page);
  await chooseColours(page);
  await fitsAPhone(page);
  expect(complaints, 'console of the browser').toEqual([]);
  await saysWhenItIsDisconnected(page);
}

async function tellsTheStory(page: Page): Promise<void> {
  await page.locator('.mark-swap', { hasText: 'v1 → v2' }).waitFor();
  await page.locator('.mark-drift').first().waitFor();
  await page.locator('.mark-retraining').first().waitFor();
  await page.locator('#versions .serve-now', { hasText: 'v2' }).first().waitFor();
  await page.locator('#retraining .runs li', { hasText: 'v2' }).waitFor();
  await page.locator('#audit li', { hasText: 'Promoted v2' }).waitFor();
  await page.locator('#decisions li', { hasText: 'fired' }).first().waitFor();
  expect(await page.locator('#decisions .log > li').count()).toBeGreaterThan(1);

  const card = page.locator('#drift-card');
  await card.locator('.badge', { hasText: 'drift' }).waitFor();
  expect(await card.locator('.reason').innerText()).not.toBe('');
  expect(await card.locator('tbody tr').count()).toBeGreaterThan(3);
  const terms = await card.locator('.term').allInnerTexts();
  expect(terms.length).toBeGreaterThan(0);
  expect(terms.every((term) => term.trim() !== '')).toBe(true);

  await page.getByText('Where each swap cut the stream').click();
  await page
    .locator('.swaps li', { hasText: /v1 → v2[^]*partition 0 from/ })
    .first()
    .waitFor();
}

/** Selection follows the arrow keys, the card follows the selection, Escape gives both back. */
async function chooseByKeyboard(page: Page): Promise<void> {
  const options = page.getByRole('option').and(page.locator('.cell'));
  const chosen = () => options.evaluateAll((all) => all.findIndex((one) => one.ariaSelected === 'true'));
  const shown = () => page.locator('#drift-card article').getAttribute('data-window');
  const before = { index: await chosen(), window: await shown() };
  expect(await options.nth(before.index).getAttribute('data-verdict')).toMatch(/drift|warning/);

  await options.nth(before.index).focus();
  await page.keyboard.press('Home');
  await expect.poll(chosen, patience).toBe(0);
  await expect.poll(shown, patience).not.toBe(before.window);
  await page.keyboard.press('ArrowRight');
  await expect.poll(chosen, patience).toBe(1);
  await expect.poll(() => page.locator('.cell:focus').getAttribute('aria-selected'), patience).toBe('true');
  await page.keyboard.press('Escape');
  await expect.poll(chosen, patience).toBe(before.index);
  await expect.poll(shown, patience).toBe(before.window);
}

async function chooseColours(page: Page): Promise<void> {
  const ground = () =>
    page.locator('html').evaluate((html) => html.ownerDocument.defaultView?.getComputedStyle(html).backgroundColor);
  const light = await ground();
  await page.getByRole('button', { name: 'Use dark colours' }).click();
  await expect.poll(ground, patience).not.toBe(light);
  const dark = await ground();
  await page.reload();
  await connectionIs(page, 'live');
  expect(await ground(), 'the choice is kept').toBe(dark);
  await page.getByRole('button', { name: 'Use light colours' }).click();
  await expect.poll(ground, patience).toBe(light);
}

async function fitsAPhone(page: Page): Promise<void> {
  await page.setViewportSize({ width: 375, height: 720 });
  await page.locator('.mark-swap').first().waitFor();
  const overflow = () => page.locator('html').evaluate((html) => html.scrollWidth - html.clientWidth);
  await expect.poll(overflow, patience).toBe(0);
  await page.setViewportSize({ width: 1280, height: 900 });
}

/** Last, because the browser itself complains about every request that fails. */
async function saysWhenItIsDisconnected(page: Page): Promise<void> {
  await page.route('**/v1/**', (route) => route.abort());
  await page.reload();
  await connectionIs(page, 'lost');
  await page.unroute('**/v1/**');
  await connectionIs(page, 'live');
  await page.locator('.mark-swap').first().waitFor();
}

async function connectionIs(page: Page, phase: 'live' | 'lost'): Promise<void> {
  await page.locator(`.connection[data-phase=${phase}]`).waitFor();
}
