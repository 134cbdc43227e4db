"""Past plans in Postgres."""

from __future__ import annotations

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import NotFound
from controller.model import Page, Plan
from controller.store.database import Database
from controller.store.pages import DEFAULT, Listing
from controller.store.rows import parse, to_row
from controller.store.tables import plans
from controller.store.writer import Writer

KEPT = 1000


async def newest_plan(connection: AsyncConnection) -> tuple[Plan | None, str]:
    """The last plan and the key of its inputs; (None, "") if there is none."""
    row = (await connection.execute(select(plans).order_by(plans.c.id.desc()).limit(1))).one_or_none()
    return (parse(Plan, row._mapping), row.inputs) if row else (None, "")


async def add_plan(writer: Writer, plan: Plan, inputs: str) -> int:
    """Stores a plan under the next number, which is returned; only the newest are kept."""
    row = {**to_row(plan, "id"), "created": plan.created or writer.now, "inputs": inputs}
    number = (await writer.connection.execute(insert(plans).values(row).returning(plans.c.id))).scalar_one()
    await writer.connection.execute(delete(plans).where(plans.c.id <= number - KEPT))
    writer.touch_basis()
    return int(number)


class PgPlans:
    """Implements PlanStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, plan_id: int) -> Plan:
        """Reads one; 0: the newest. NotFound."""
        query = select(plans).order_by(plans.c.id.desc()).limit(1)
        async with self._database.reading() as connection:
            found = await connection.execute(query.where(plans.c.id == plan_id) if plan_id else query)
            row = found.one_or_none()
        if row is None:
            raise NotFound("plan", str(plan_id or "newest"))
        return parse(Plan, row._mapping)

    async def list(self, page_size: int, page_token: str) -> Page[Plan]:
        """Reads a page, newest first."""
        listing = Listing(select(plans), (plans.c.id,), ("plans",), newest_first=True, most=DEFAULT)
        async with self._database.reading() as connection:
            rows, token, revision = await listing.page(connection, page_size, page_token)
        return Page(tuple(parse(Plan, row._mapping) for row in rows), token, revision)
