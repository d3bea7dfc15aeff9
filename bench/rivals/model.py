"""The table that the tutorial handlers keep their messages in."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, Field
from sqlalchemy import DateTime, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Message(Base):
    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(primary_key=True)
    provider_message_id: Mapped[str] = mapped_column(String(64), unique=True)
    recipient: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(20))
    error_code: Mapped[str | None] = mapped_column(String(10))
    price: Mapped[str | None] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Receipt(BaseModel):
    """A Vonage receipt, as much of it as the tutorials read."""

    message_id: str = Field(alias="messageId")
    status: str
    error_code: str = Field(alias="err-code")
    price: str

    def update(self, message: Message) -> None:
        message.status = self.status
        message.error_code = self.error_code
        message.price = self.price
        message.updated_at = datetime.now(UTC)
