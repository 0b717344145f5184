import { describe, expect, it } from 'vitest';
import { mistakesOf, underHaulout } from './told.ts';

type Row = readonly [lines: readonly string[], told: readonly string[]];

/** The lines stand under a good [haulout], from line 3 on. Places and words are literal. */
const MISTAKES: readonly Row[] = [
  [
    ['splay = 30'],
    ['3:9 this is not a duration | write a number with its unit, without blanks: `500ms`, `30s`, `5m`, `1h30m`'],
  ],
  [
    ['lifecycle-hook = good bye'],
    ['3:18 this is not the name of a lifecycle hook | write the name that the Auto Scaling group gives it'],
  ],
  [['[register.a]', 'up = true', 'renew = 59s'], ['5:9 the time is too short | write at least `1m`']],
  [['wake = 500ms'], ['3:8 the time is too short | write at least `1s`, or `off`']],
  [
    ['wake = on'],
    ['3:8 this is not a duration | write a number with its unit, without blanks: `500ms`, `30s`, `5m`, `1h30m`'],
  ],
  [['splay = 8d'], ['3:9 the time is too long | write at most `7d`']],
  [
    ['schedule = * * *'],
    [
      '3:12 a schedule has five fields, or six with seconds first | write minute, hour, day of month, month, day of week, such as `*/5 * * * *`',
    ],
  ],
  [
    ['schedule = @daily'],
    ['3:12 a schedule is no `@` word | write five fields: `0 * * * *` for hourly, `0 0 * * *` for daily'],
  ],
  [
    ['schedule = 99 * * * *'],
    ['3:12 in the schedule, this is not valid: minute | write minute 0-59, or `*`, `*/5`, `1-5`, `1,15`'],
  ],
  [
    ['schedule = 0 0 13 * 5'],
    [
      '3:12 the schedule sets both day of month and day of week: haulout would wait for both, cron for either | write `*` for one of them; for either, write two jobs',
    ],
  ],
  [
    ['schedule = 0 0 31 2 *'],
    [
      '3:12 the schedule names a day that its months do not have | write a day that exists, or `L` for the last day of the month',
    ],
  ],
  [
    ['schedule = 0 0 30W 2 *'],
    [
      '3:12 the schedule names a day that its months do not have | write a day that exists, or `L` for the last day of the month',
    ],
  ],
  [
    ['schedule = 1-99999999999 * * * *'],
    [
      '3:12 a field of the schedule holds too large a number or is too long | write minute, hour, day of month, month, day of week, such as `*/5 * * * *`',
    ],
  ],
  [
    ['schedule = 0 0 ! * *'],
    [
      '3:12 the schedule holds a character that cron does not know | write minute, hour, day of month, month, day of week, such as `*/5 * * * *`',
    ],
  ],
  [
    ['schedule = 60 25 * * *'],
    [
      '3:12 in the schedule, this is not valid: minute, hour | write minute 0-59, hour 0-23, or `*`, `*/5`, `1-5`, `1,15`',
    ],
  ],
  [
    ['timezone = Mars/Olympus'],
    ['3:12 this is not a time zone of this machine | write an IANA name, such as `UTC` or `Europe/Berlin`'],
  ],
  [
    ['timezone = +02:00'],
    ['3:12 this is not a time zone of this machine | write an IANA name, such as `UTC` or `Europe/Berlin`'],
  ],
  [['upgrade = boots'], ['3:11 this word is not known here | did you mean `boot`? Write one of `boot`, `never`']],
  [['upgrade = x'], ['3:11 this word is not known here | write one of `boot`, `never`']],
  [
    ['needs = x'],
    [
      '3:1 the key `needs` is unknown in [haulout] | the keys of [haulout] are `version`, `schedule`, `timezone`, `splay`, `wake`, `upgrade`, `lifecycle-hook`',
    ],
  ],
  [['[packges]'], ['3:1 the section [packges] is unknown | did you mean `[packages]`?']],
  [['[service]'], ['3:1 the section [service] is unknown | did you mean `[service.NAME]`?']],
  [['[job]'], ['3:1 the section [job] is unknown | did you mean `[job.NAME]`?']],
  [['[services.web]'], ['3:1 the section [services.web] is unknown | did you mean `[service.web]`?']],
  [
    ['[service.web.costum]'],
    ['3:1 the section [service.web.costum] is unknown | did you mean `[service.web.custom]`?'],
  ],
  [
    ['[service.Web]', 'unit = x'],
    [
      '3:1 this name is not made of a-z, 0-9, `_` and `-`, or is longer than 63 characters | write a short name in lower case',
    ],
  ],
  [
    ['[web]'],
    [
      '3:1 the section [web] is unknown | the sections are [haulout], [packages], [files], [service.NAME], [service.NAME.custom], [job.NAME], [register.NAME]',
    ],
  ],
  [
    ['[job.a.b]'],
    [
      '3:1 the section [job.a.b] is unknown | the sections are [haulout], [packages], [files], [service.NAME], [service.NAME.custom], [job.NAME], [register.NAME]',
    ],
  ],
  [
    ['[service.x.custom]'],
    ['3:1 there is no [service.x] that this belongs to | write `[service.x]` above it, or correct the name'],
  ],
  [
    ['[packages]', 'nginx = presnt'],
    [
      '4:9 this is neither a known word nor a version | did you mean `present`? Else write `present`, `latest`, `absent` or a version pattern such as `8.2.*`',
    ],
  ],
  [
    ['[packages]', 'nginx = foo bar'],
    [
      '4:9 this is neither a known word nor a version | write `present`, `latest`, `absent` or a version pattern such as `8.2.*`',
    ],
  ],
  [
    ['[packages]', '-y = '],
    ['4:1 this is not the name of a package | write one name, as the package manager knows it'],
  ],
  [
    ['[packages]', 'nginx- ='],
    ['4:1 this is not the name of a package | write one name, as the package manager knows it'],
  ],
  [
    ['[packages]', 'a b ='],
    ['4:1 this is not the name of a package | write one name, as the package manager knows it'],
  ],
  [['[files]', 'etc/a ='], ['4:1 the path is not absolute | write the path from `/` on']],
  [['[files]', '/ ='], ['4:1 the path is the root itself | write a path below `/`']],
  [['[files]', '/etc/a/ ='], ['4:1 the path ends with a slash | write the path without the last slash']],
  [['[files]', '/etc/../a ='], ['4:1 the path goes up with `..` | write the path without `..`']],
  [['[files]', '/etc//a ='], ['4:1 the path is not in its shortest form | write the path without `//` and `/./`']],
  [['[files]', '/etc/./a ='], ['4:1 the path is not in its shortest form | write the path without `//` and `/./`']],
  [['[files]', '/var/lib/haulout/x ='], ['4:1 nothing may be written under /var/lib/haulout | choose another path']],
  [['[files]', '/proc/x ='], ['4:1 nothing may be written under /proc | choose another path']],
  [['[files]', '/etc/a = mode=9'], ['4:15 the mode is not three or four octal digits | write it as `mode=0640`']],
  [
    ['[files]', '/etc/a = mode=4755'],
    ['4:10 the mode sets the setuid or setgid bit | write a mode of three digits, such as 755'],
  ],
  [
    ['[files]', '/etc/a = mode=1755'],
    ['4:10 the sticky bit is only for a directory | write a mode of three digits, such as 755'],
  ],
  [
    ['[files]', '/etc/a = owner=0:0'],
    ['4:16 the owner is not a user name, or user and group | write `owner=USER` or `owner=USER:GROUP`'],
  ],
  [
    ['[files]', '/etc/a = owner=a:b:c'],
    ['4:16 the owner is not a user name, or user and group | write `owner=USER` or `owner=USER:GROUP`'],
  ],
  [
    ['[files]', '/etc/a = link='],
    ['4:15 the link has no target that a machine can follow | write `link=/PATH` or `link=../PATH`'],
  ],
  [
    ['[files]', '/etc/a = link=~/x'],
    ['4:15 the link has no target that a machine can follow | write `link=/PATH` or `link=../PATH`'],
  ],
  [
    ['[files]', '/etc/a = link=../../../x'],
    ['4:1 the link goes up beyond `/` | write fewer `..`, or an absolute target'],
  ],
  [['[files]', '/etc/a = link=a'], ['4:1 the link leads back to itself | write another target']],
  [['[files]', '/etc/a = link=/run/haulout/x'], ["4:1 the link leads into haulout's own place | write another target"]],
  [
    ['[files]', '/etc/a = absent directory'],
    ['4:17 a path cannot be both `absent` and `directory` | keep one of the two words'],
  ],
  [['[files]', '/etc/a = absent mode=644'], ['4:17 `absent` has no mode | write `absent` without `mode=`']],
  [['[files]', '/etc/a = link=b owner=root'], ['4:17 `link` has no owner | write `link` without `owner=`']],
  [['[files]', '/etc/a = template template'], ['4:19 the same word stands here twice | write it once']],
  [['[files]', '/etc/a = mode'], ['4:10 `mode` has no value | write `mode=` and the value, without blanks between']],
  [
    ['[files]', '/etc/a = tmplate'],
    [
      '4:10 this word is unknown for a file | did you mean `template`? Else write `template`, `directory`, `absent`, `link=TARGET`, `mode=0640` or `owner=USER:GROUP`',
    ],
  ],
  [
    ['[files]', '/etc/a = zzzzz'],
    [
      '4:10 this word is unknown for a file | write `template`, `directory`, `absent`, `link=TARGET`, `mode=0640` or `owner=USER:GROUP`',
    ],
  ],
  [['[files]', '/etc = absent'], ['4:1 the machine stands on this directory | write a path below it']],
  [
    ['[files]', '/etc/a = absent', '/etc/a/b = directory'],
    ['5:1 the path is below one that is absent in line 4 | correct one of the two lines'],
  ],
  [
    ['[files]', '/etc/a = link=b', '/etc/a/b ='],
    ['5:1 the path is below one that is a link in line 4 | correct one of the two lines'],
  ],
  [
    ['[files]', '/etc/a = template', '/etc/a/b/c ='],
    ['5:1 the path is below one that is a file in line 4 | correct one of the two lines'],
  ],
  [
    ['[service.web]'],
    [
      '3:1 the service has neither an image nor a unit | write `image = services/NAME`, or `unit = NAME` for a unit of the system',
    ],
  ],
  [
    ['[service.web]', 'image = services/a', 'unit = a'],
    ['5:1 a service has an image or a unit, not both | keep one of the two lines'],
  ],
  [
    ['[service.web]', 'image = web'],
    [
      '4:9 this is not an image under services/ | write `services/NAME`, or an archive: `NAME.zip`, `NAME.tar.gz`, `NAME.tgz`, `NAME.tar.bz2`, `NAME.tar`',
    ],
  ],
  [
    ['[service.web]', 'image = services/web/'],
    [
      '4:9 this is not an image under services/ | write `services/NAME`, or an archive: `NAME.zip`, `NAME.tar.gz`, `NAME.tgz`, `NAME.tar.bz2`, `NAME.tar`',
    ],
  ],
  [
    ['[service.web]', 'image = services/web.tar.xz'],
    [
      '4:9 this is not an image under services/ | write `services/NAME`, or an archive: `NAME.zip`, `NAME.tar.gz`, `NAME.tgz`, `NAME.tar.bz2`, `NAME.tar`',
    ],
  ],
  [
    ['[service.web]', 'image = services/web', 'then = reload'],
    ['5:1 `then` is only for a unit | remove it: an image is always configured and started'],
  ],
  [['[service.web]', 'unit = a/b'], ['4:8 this is not the name of a unit | write a name such as `nginx`']],
  [['[service.web]', 'unit = haulout'], ['4:8 haulout looks after its own unit itself | name another unit']],
  [['[service.web]', 'unit = nginx', 'port = 0'], ['5:8 this is not a port | write a number from 1 to 65535']],
  [['[service.web]', 'unit = nginx', 'port = 65536'], ['5:8 this is not a port | write a number from 1 to 65535']],
  [['[service.web]', 'unit = nginx', 'port = 080'], ['5:8 this is not a port | write a number from 1 to 65535']],
  [
    ['[service.web]', 'unit = nginx', 'check = ftp://x/'],
    ['5:9 this is neither a URL nor a port | write `http://127.0.0.1/`, `https://...` or `tcp:PORT`'],
  ],
  [
    ['[service.web]', 'unit = nginx', 'check = tcp:99999'],
    ['5:9 this is not a port | write `tcp:PORT`, with a port from 1 to 65535'],
  ],
  [
    ['[service.web]', 'unit = nginx', 'check = tcp://h:80'],
    ['5:9 this is not a port | write `tcp:PORT`, with a port from 1 to 65535'],
  ],
  [
    ['[service.web]', 'unit = nginx', 'check = http://u:p@h/'],
    ['5:9 the URL holds a user or a password | write it without, and check with `bin/check` if one is needed'],
  ],
  [
    ['[service.web]', 'unit = nginx', 'check = http:/x'],
    ['5:9 this is neither a URL nor a port | write `http://127.0.0.1/`, `https://...` or `tcp:PORT`'],
  ],
  [
    ['[service.web]', 'unit = nginx', 'health = 5'],
    ['5:10 this is not a duration | write a number with its unit, without blanks: `500ms`, `30s`, `5m`, `1h30m`'],
  ],
  [
    ['[service.web]', 'unit = nginx', 'timeout = 0s'],
    ['5:11 the time must be above zero | write a time such as `30s`'],
  ],
  [
    ['[service.web]', 'unit = nginx', 'user = 0'],
    ['5:8 this is not the name of a user | write a name such as `www-data`'],
  ],
  [
    ['[service.web]', 'unit = nginx', 'then = relod'],
    ['5:8 this word is not known here | did you mean `reload`? Write one of `reload`, `restart`'],
  ],
  [
    ['[service.web]', 'unit = nginx', 'state = runing'],
    ['5:9 this word is not known here | did you mean `running`? Write one of `running`, `stopped`, `absent`'],
  ],
  [
    ['[service.web]', 'unit = nginx', 'watch = etc/x'],
    ['5:9 this is neither an absolute path nor `package:NAME` | write `/etc/nginx/**` or `package:nginx`'],
  ],
  [
    ['[service.web]', 'unit = nginx', 'watch = /etc/a/**,, /etc/b'],
    ['5:19 nothing stands between two commas | write a path or `package:NAME`'],
  ],
  [
    ['[service.web]', 'unit = nginx', 'watch = /**'],
    ['5:9 this watches the whole machine | begin with a directory, as in `/etc/nginx/**`'],
  ],
  [
    ['[service.web]', 'unit = nginx', 'watch = /proc/*'],
    ['5:9 this cannot be watched | watch files that stay, as in `/etc/nginx/**`'],
  ],
  [
    ['[service.web]', 'unit = nginx', 'watch = /etc/{a,b}'],
    [
      '5:9 a watched path knows only `*`, `**` and `?` | write several paths with commas between',
      '5:17 this is neither an absolute path nor `package:NAME` | write `/etc/nginx/**` or `package:nginx`',
    ],
  ],
  [
    ['[service.web]', 'unit = nginx', 'watch = package:'],
    ['5:9 this is not the name of a package | write `package:NAME`, as in [packages]'],
  ],
  [
    ['[service.web]', 'unit = nginx', 'watch = /etc/../x'],
    ['5:9 the path goes up with `..` | write the path without `..`'],
  ],
  [
    ['[service.web]', 'unit = nginx', `validate = ${'x'.repeat(4097)}`],
    ['5:12 the command is longer than 4096 characters | put it into a script and call that'],
  ],
  [
    ['[service.web]', 'unit = nginx', '[service.www]', 'unit = nginx.service'],
    ['6:8 this unit is already that of [service.web] | write one section for it'],
  ],
  [
    ['[service.web]', 'unit = nginx', 'needs = db/mysql'],
    [
      '5:1 the key `needs` is unknown in [service.NAME] | the keys of [service.NAME] are `image`, `unit`, `user`, `port`, `check`, `health`, `timeout`, `watch`, `validate`, `then`, `state`',
    ],
  ],
  [
    ['[service.web]', 'unit = nginx', '[service.web.custom]', 'a b = 1'],
    ['6:1 this is not a name that a hook can read | write letters, digits, `_`, `-` and `.`, with a letter first'],
  ],
  [
    ['[job.a]'],
    [
      '3:1 `schedule` is missing in [job.a] | write it, as in `schedule = 2,17,32,47 * * * *`',
      '3:1 `run` is missing in [job.a] | write it, as in `run = /srv/services/planet/bin/refresh`',
    ],
  ],
  [
    ['[job.a]', 'schedule = 0 0 1 * 1', 'run = x'],
    [
      '4:12 the schedule sets both day of month and day of week: haulout would wait for both, cron for either | write `*` for one of them; for either, write two jobs',
    ],
  ],
  [
    ['[job.a]', 'schedule = * * * * *', 'run ='],
    ['5:1 `run` is missing in [job.a] | write it, as in `run = /srv/services/planet/bin/refresh`'],
  ],
  [
    ['[job.a]', 'schedule = * * * * *', 'run = x', 'timeout = 0s'],
    ['6:11 the time must be above zero | write a time such as `30s`'],
  ],
];

describe('each rule tells place, mistake and remedy', () => {
  it.each(MISTAKES)('%j', (lines, findings) => {
    expect(mistakesOf(underHaulout(...lines))).toEqual(findings);
  });
});
