import { describe, expect, it } from 'vitest';
import { cronMistake } from '../../src/spec/cron.ts';

describe('cronMistake', () => {
  it.each([
    '*/5 * * * *',
    '30 */5 * * * *',
    '0 4 * * MON-FRI',
    '0 4 1,15 * *',
    '0 4 L * *',
    '0 4 LW * *',
    '0 4 15W * *',
    '0 4 ? * 1',
    '0 4 29 2 *',
    '0 4 * * 5L',
    '0 4 * * MON#2',
    '  0   4 *  * 7 ',
  ])('%j is fine', (expression) => {
    expect(cronMistake(expression)).toBeUndefined();
  });

  it.each([
    ['', 'five fields'],
    ['* * * *', 'five fields'],
    ['* * * * * * *', 'five fields'],
    ['@hourly', 'no `@` word'],
    ['* * * * 8', 'day of week'],
    ['61 * * * * *', 'second'],
    ['5/15 * * * *', 'minute'],
    ['*/0 * * * *', 'minute'],
    ['0 0 31 4,6 *', 'its months do not have'],
    ['0 0 30W 2 *', 'its months do not have'],
    ['0 0 13 * 5', 'both day of month and day of week'],
    ['0 0 */2 * 1', 'both day of month and day of week'],
    ['0 0 0 13 * 5', 'both day of month and day of week'],
    ['1-99999999999 * * * *', 'too large a number'],
    [`${'1,'.repeat(200)}1 * * * *`, 'too long'],
  ])('%j is not: %s', (expression, words) => {
    expect(cronMistake(expression)).toContain(words);
  });
});
