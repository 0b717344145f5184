import { describe, expect, it } from 'vitest';
import { underHaulout, warningsOf } from './told.ts';

type Row = readonly [lines: readonly string[], told: readonly string[]];

/** The lines stand under a good [haulout], from line 3 on. Places and words are literal. */
const WARNINGS: readonly Row[] = [
  [
    ['timezone = Europe/Berlin'],
    [
      '3:12 when the clocks change in this time zone, runs are left out | write `timezone = UTC`, and the hours of UTC in the schedule',
    ],
  ],
  [['timezone = Etc/UTC'], []],
  [
    ['[job.a]', 'schedule = * * * * *', 'run = x', 'timezone = Asia/Tokyo'],
    [
      '6:12 when the clocks change in this time zone, runs are left out | write `timezone = UTC`, and the hours of UTC in the schedule',
    ],
  ],
  [
    ['schedule = */90 * * * *', '[job.a]', 'schedule = 0 */36 * * *', 'run = x'],
    [
      '3:12 a step of the schedule is longer than its field, and comes to its first value alone | write the values themselves, such as `0 */2 * * *` for every two hours',
      '5:12 a step of the schedule is longer than its field, and comes to its first value alone | write the values themselves, such as `0 */2 * * *` for every two hours',
    ],
  ],
  [['schedule = */60 * * * *', '[job.a]', 'schedule = 0 0 */24 * * *', 'run = x'], []],
  [
    ['[files]', '/etc/a = mode=666'],
    ['4:1 everybody on the instance may write here | write a mode whose last digit is 0, 4 or 5'],
  ],
  [
    ['[files]', '/etc/a = mode=0777 directory'],
    ['4:1 everybody on the instance may write here | write a mode whose last digit is 0, 4 or 5'],
  ],
  [['[files]', '/etc/a = mode=1777 directory'], []],
  [
    ['[service.web]', 'unit = nginx', 'port = 80', '[service.b]', 'unit = b', 'port = 80'],
    ['8:8 [service.web] has the same port | give one of them another port'],
  ],
  [
    ['[service.web]', 'unit = nginx', 'validate = x'],
    ['5:12 `validate` never runs: this service watches nothing | write `watch = ` and the paths of its configuration'],
  ],
  [
    ['[service.web]', 'unit = nginx', 'watch = package:nginx'],
    ['5:9 a watched package is not in [packages] | name it there too, or correct its name here'],
  ],
  [['[service.web]', 'unit = nginx', 'health = 0s'], []],
];

describe('what is allowed and unwise is warned of', () => {
  it.each(WARNINGS)('%j', (lines, findings) => {
    expect(warningsOf(underHaulout(...lines))).toEqual(findings);
  });
});
