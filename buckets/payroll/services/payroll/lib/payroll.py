"""Hours and rates become pay slips. No I/O but two files that are read, and no rounding but to the cent, per line."""

from __future__ import annotations

import configparser
import csv
import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path

CENT = Decimal('0.01')
COLUMNS = ['name', 'post', 'hours', 'rate']
MOST_HOURS = Decimal(744)  # of a month with 31 days
MOST_RATE = Decimal(10_000)
DEDUCTION = re.compile(r'(?P<percent>\d{1,2}(?:\.\d{1,3})?) ?%(?: above (?P<above>\d{1,9}(?:\.\d{1,2})?))?')


class Mistakes(Exception):
    """Everything that is wrong with a file, a line for each: its place, and what to write instead."""


@dataclass(frozen=True)
class Deduction:
    name: str
    percent: Decimal
    above: Decimal

    def of(self, pay: Decimal) -> Decimal:
        return cents(max(Decimal(0), pay - self.above) * self.percent / 100)


@dataclass(frozen=True)
class Rates:
    employer: str
    month: str
    currency: str
    deductions: tuple[Deduction, ...]


@dataclass(frozen=True)
class Slip:
    name: str
    post: str
    hours: Decimal
    rate: Decimal
    pay: Decimal
    deductions: tuple[tuple[str, Decimal], ...]

    @property
    def net(self) -> Decimal:
        return self.pay - sum((amount for _, amount in self.deductions), Decimal(0))


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def read_rates(path: Path) -> Rates:
    parser = configparser.ConfigParser(interpolation=None, delimiters=('=',), inline_comment_prefixes=None)
    try:
        parser.read_string(path.read_text('utf-8'), str(path))
    except (configparser.Error, UnicodeDecodeError) as error:
        raise Mistakes(f'{path}: {error}') from error
    mistakes = []
    words = {}
    for key in ('employer', 'month', 'currency'):
        words[key] = parser.get('payroll', key, fallback='').strip()
        if not words[key]:
            mistakes.append(f'{path}: [payroll] has no {key}')
    deductions = []
    for name, text in parser.items('deductions') if parser.has_section('deductions') else []:
        found = DEDUCTION.fullmatch(text)
        if found:
            deductions.append(Deduction(name, Decimal(found['percent']), Decimal(found['above'] or 0)))
        else:
            mistakes.append(f'{path}: {name} is no deduction: write 7.3 %, or 21 % above 1100')
    if mistakes:
        raise Mistakes('\n'.join(mistakes))
    return Rates(**words, deductions=tuple(deductions))


def read_slips(path: Path, rates: Rates) -> list[Slip]:
    slips, mistakes = [], []
    try:
        with path.open(encoding='utf-8', newline='') as file:
            rows = csv.reader(file, strict=True)
            if next(rows, None) != COLUMNS:
                raise Mistakes(f'{path}:1: the first line must be {",".join(COLUMNS)}')
            for row in rows:
                if row:
                    slips.append(read_slip(row, f'{path}:{rows.line_num}', rates, mistakes))
    except (csv.Error, UnicodeDecodeError) as error:
        raise Mistakes(f'{path}: {error}') from error
    if mistakes:
        raise Mistakes('\n'.join(mistakes))
    return slips


def read_slip(row: list[str], place: str, rates: Rates, mistakes: list[str]) -> Slip | None:
    """Amounts are money: what is wrong is named by its place and its column, and never shown."""
    if len(row) != len(COLUMNS) or not row[0].strip():
        mistakes.append(f'{place}: write {",".join(COLUMNS)}, and a name')
        return None
    hours = number(row[2], MOST_HOURS)
    rate = number(row[3], MOST_RATE)
    if hours is None:
        mistakes.append(f'{place}: hours must be a number from 0 to {MOST_HOURS}')
    if rate is None:
        mistakes.append(f'{place}: rate must be a number from 0 to {MOST_RATE}')
    if hours is None or rate is None:
        return None
    pay = cents(hours * rate)
    deductions = tuple((each.name, each.of(pay)) for each in rates.deductions)
    return Slip(row[0].strip(), row[1].strip(), hours, rate, pay, deductions)


def number(text: str, most: Decimal) -> Decimal | None:
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() and 0 <= value <= most else None
