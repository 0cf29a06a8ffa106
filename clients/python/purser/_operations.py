"""One method for each operation of the API. Written by clients/generate.py: do not change it by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from . import types
from ._transport import NOT_GIVEN, NotGiven, Pages, Transport, segment
from ._values import Credits, Money


class Operations(Transport):
    """The API's operations. Times without a zone count as UTC; credits are `Decimal`, `int` or text."""

    def get_wallet(self, wallet: str) -> types.Wallet:
        """Look at a wallet. What is in it, what of that is held or owed, and what lapses when. Takes the scope
        `read`.
        """
        return self._call("GET", f"/purser/v1/wallets/{segment(wallet)}", types.Wallet)

    def list_entries(
        self,
        wallet: str,
        *,
        limit: int | None = None,
        type: str | None = None,
        member_id: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
    ) -> Pages[types.Entry]:
        """What moved in a wallet, newest first. Takes the scope `read`."""
        return self._pages(
            f"/purser/v1/wallets/{segment(wallet)}/entries",
            "data",
            types.Entry,
            query={"limit": limit, "type": type, "memberId": member_id, "from": from_, "to": to},
        )

    def get_balance(self, wallet: str, *, at: datetime | None = None) -> types.BalanceThen:
        """The balance of a wallet at a moment. Takes the scope `read`."""
        return self._call(
            "GET",
            f"/purser/v1/wallets/{segment(wallet)}/balance",
            types.BalanceThen,
            query={"at": at},
        )

    def list_grants(
        self,
        wallet: str,
        *,
        limit: int | None = None,
        open: bool | None = None,
    ) -> Pages[types.Grant]:
        """Grants of a wallet, newest first. Takes the scope `read`."""
        return self._pages(
            f"/purser/v1/wallets/{segment(wallet)}/grants",
            "data",
            types.Grant,
            query={"limit": limit, "open": open},
        )

    def create_grant(
        self,
        wallet: str,
        *,
        credits: Credits,
        kind: Literal["paid", "promotional"],
        reason: str,
        expires_at: datetime | None = None,
        expires_after_days: int | None = None,
        priority: int | None = None,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> types.GivenGrant:
        """Give credits. A debt of the wallet is paid from them first. What is given is in the audit log. Takes the
        scope `manage`.
        """
        return self._call(
            "POST",
            f"/purser/v1/wallets/{segment(wallet)}/grants",
            types.GivenGrant,
            body={
                "credits": credits,
                "kind": kind,
                "expiresAt": expires_at,
                "expiresAfterDays": expires_after_days,
                "priority": priority,
                "reason": reason,
                "description": description,
                "metadata": metadata,
            },
            idempotency_key=idempotency_key,
        )

    def get_grant(self, grant_id: str) -> types.Grant:
        """Look at a grant. Takes the scope `read`."""
        return self._call("GET", f"/purser/v1/grants/{segment(grant_id)}", types.Grant)

    def void_grant(self, grant_id: str, *, reason: str, idempotency_key: str | None = None) -> types.VoidedGrant:
        """Take back what is left of a grant. What a hold needs of it stays for that hold alone. To void it again
        changes nothing. Takes the scope `manage`.
        """
        return self._call(
            "POST",
            f"/purser/v1/grants/{segment(grant_id)}/void",
            types.VoidedGrant,
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )

    def create_adjustment(
        self,
        wallet: str,
        *,
        credits: Credits,
        reason: str,
        idempotency_key: str | None = None,
    ) -> types.Adjustment:
        """Correct a balance. Adds credits, or with a negative amount takes them: they must be available. Who did it
        and why is in the audit log, and the reason is shown with the entry. Takes the scope `manage`.
        """
        return self._call(
            "POST",
            f"/purser/v1/wallets/{segment(wallet)}/adjustments",
            types.Adjustment,
            body={"credits": credits, "reason": reason},
            idempotency_key=idempotency_key,
        )

    def create_debit(
        self,
        wallet: str,
        *,
        credits: Credits,
        type: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        member_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> types.Debit:
        """Spend credits. Grants that lapse first are spent first. When credits are short nothing is debited. Takes
        the scope `spend`.
        """
        return self._call(
            "POST",
            f"/purser/v1/wallets/{segment(wallet)}/debits",
            types.Debit,
            body={
                "credits": credits,
                "type": type,
                "description": description,
                "metadata": metadata,
                "memberId": member_id,
            },
            idempotency_key=idempotency_key,
        )

    def batch_debit(
        self,
        *,
        debits: Sequence[types.BatchedDebit],
        idempotency_key: str | None = None,
    ) -> types.Debits:
        """Spend credits of many wallets. Up to 1,000 debits, each on its own: one that is refused keeps no other
        from being done. Each has an idempotency key of its own, so that the whole request can be sent again.
        Takes the scope `spend`.
        """
        return self._call(
            "POST",
            "/purser/v1/debits/batch",
            types.Debits,
            body={"debits": debits},
            idempotency_key=idempotency_key,
        )

    def get_debit(self, debit_id: str) -> types.Entry:
        """Look at a debit. Takes the scope `read`."""
        return self._call("GET", f"/purser/v1/debits/{segment(debit_id)}", types.Entry)

    def refund_debit(
        self,
        debit_id: str,
        *,
        credits: Credits | None = None,
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> types.RefundedDebit:
        """Give a debit back. In whole, or in parts with `credits`: never more in all than was taken. The credits go
        back into the grants that they came from and lapse when those do. Takes the scope `spend`.
        """
        return self._call(
            "POST",
            f"/purser/v1/debits/{segment(debit_id)}/refund",
            types.RefundedDebit,
            body={"credits": credits, "reason": reason, "metadata": metadata},
            idempotency_key=idempotency_key,
        )

    def create_transfer(
        self,
        *,
        from_: str,
        to: str,
        credits: Credits,
        reason: str,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> types.Transfer:
        """Move credits from one wallet to another. In one transaction. The credits lapse when they would have lapsed
        in the wallet they come from. Takes the scope `manage`.
        """
        return self._call(
            "POST",
            "/purser/v1/transfers",
            types.Transfer,
            body={"from": from_, "to": to, "credits": credits, "reason": reason, "metadata": metadata},
            idempotency_key=idempotency_key,
        )

    def list_holds(self, wallet: str, *, limit: int | None = None, state: str | None = None) -> Pages[types.Hold]:
        """Holds of a wallet, newest first. Of an organization: owners and admins see all, and may release them;
        members see their own open ones. Takes the scope `read`.
        """
        return self._pages(
            f"/purser/v1/wallets/{segment(wallet)}/holds",
            "data",
            types.Hold,
            query={"limit": limit, "state": state},
        )

    def create_hold(
        self,
        wallet: str,
        *,
        credits: Credits,
        ttl_seconds: int | None = None,
        type: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        member_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> types.Hold:
        """Reserve credits. A hold keeps credits from being spent by others, and from lapsing, until it is captured,
        is released, or ends by itself. The same `Idempotency-Key` answers the same hold, as it is then; after a
        refusal it may be used again. Takes the scope `spend`.
        """
        return self._call(
            "POST",
            f"/purser/v1/wallets/{segment(wallet)}/holds",
            types.Hold,
            body={
                "credits": credits,
                "ttlSeconds": ttl_seconds,
                "type": type,
                "description": description,
                "metadata": metadata,
                "memberId": member_id,
            },
            idempotency_key=idempotency_key,
        )

    def capture_hold(
        self,
        hold_id: str,
        *,
        credits: Credits | None = None,
        final: bool | None = None,
        idempotency_key: str | None = None,
    ) -> types.EndedHold:
        """Spend what is held. Spends all that is held, or less with `credits`; the rest is free again, or stays held
        for another capture where `final` is false. Nothing may be spent of it too, and more where this
        installation lets wallets owe it. A hold is captured by who placed it, before it ends by itself; the same
        `Idempotency-Key` answers the same. Takes the scope `spend`.
        """
        return self._call(
            "POST",
            f"/purser/v1/holds/{segment(hold_id)}/capture",
            types.EndedHold,
            body={"credits": credits, "final": final},
            idempotency_key=idempotency_key,
        )

    def release_hold(
        self,
        hold_id: str,
        *,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> types.EndedHold:
        """Give back what is held. Takes the scope `spend`."""
        return self._call(
            "POST",
            f"/purser/v1/holds/{segment(hold_id)}/release",
            types.EndedHold,
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )

    def extend_hold(self, hold_id: str, *, ttl_seconds: int, idempotency_key: str | None = None) -> types.Hold:
        """Have a hold last longer. From now on for `ttlSeconds`; a hold is never made shorter. Takes the scope
        `spend`.
        """
        return self._call(
            "POST",
            f"/purser/v1/holds/{segment(hold_id)}/extend",
            types.Hold,
            body={"ttlSeconds": ttl_seconds},
            idempotency_key=idempotency_key,
        )

    def get_hold(self, hold_id: str) -> types.Hold:
        """Look at a hold. Takes the scope `read`."""
        return self._call("GET", f"/purser/v1/holds/{segment(hold_id)}", types.Hold)

    def list_auto_recharges(
        self,
        *,
        limit: int | None = None,
        paused: bool | None = None,
    ) -> Pages[types.WalletRecharge]:
        """Wallets that were ever to be recharged, by id. Takes the scope `read`."""
        return self._pages(
            "/purser/v1/auto-recharge",
            "data",
            types.WalletRecharge,
            query={"limit": limit, "paused": paused},
        )

    def get_auto_recharge(self, wallet: str) -> types.WalletRecharge:
        """How a wallet is recharged by itself. Takes the scope `read`."""
        return self._call("GET", f"/purser/v1/wallets/{segment(wallet)}/auto-recharge", types.WalletRecharge)

    def put_auto_recharge(
        self,
        wallet: str,
        *,
        enabled: bool | None | NotGiven = NOT_GIVEN,
        threshold_credits: Credits | None | NotGiven = NOT_GIVEN,
        amount: Money | None | NotGiven = NOT_GIVEN,
        max_monthly: Money | None | NotGiven = NOT_GIVEN,
        request_setup: bool | NotGiven = NOT_GIVEN,
        member_id: str | None | NotGiven = NOT_GIVEN,
    ) -> types.WalletRecharge:
        """Have a wallet recharged by itself. Charges the saved card when less than the threshold can be spent, and
        never more in a calendar month (UTC) than the cap: the last charge is smaller where the cap leaves less,
        and when it leaves less than Stripe's minimum the month's charges are over. Fields that are left out stay
        as they are. Without a saved card the answer has a page on which to save one; when that takes long it is
        202, and the page is in a later answer. Takes the scope `buy`.
        """
        return self._call(
            "PUT",
            f"/purser/v1/wallets/{segment(wallet)}/auto-recharge",
            types.WalletRecharge,
            body={
                "enabled": enabled,
                "thresholdCredits": threshold_credits,
                "amount": amount,
                "maxMonthly": max_monthly,
                "requestSetup": request_setup,
                "memberId": member_id,
            },
        )

    def delete_auto_recharge(self, wallet: str, *, remove_card: bool | None = None) -> types.WalletRecharge:
        """Stop recharging a wallet. What is being charged already is not unmade. The card stays saved unless it is
        removed as well. Takes the scope `buy`.
        """
        return self._call(
            "DELETE",
            f"/purser/v1/wallets/{segment(wallet)}/auto-recharge",
            types.WalletRecharge,
            query={"removeCard": remove_card},
        )

    def pause_auto_recharge(
        self,
        wallet: str,
        *,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> types.WalletRecharge:
        """Have recharging wait. Until it is resumed: by its owner what its owner paused, by a server or an operator
        what they paused. What is being charged already is not unmade. Takes the scope `buy`.
        """
        return self._call(
            "POST",
            f"/purser/v1/wallets/{segment(wallet)}/auto-recharge/pause",
            types.WalletRecharge,
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )

    def resume_auto_recharge(
        self,
        wallet: str,
        *,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> types.WalletRecharge:
        """Have recharging go on. For a server or an operator whatever it waits for, for its owner where that is
        theirs to decide. Without a card nothing is charged. Takes the scope `buy`.
        """
        return self._call(
            "POST",
            f"/purser/v1/wallets/{segment(wallet)}/auto-recharge/resume",
            types.WalletRecharge,
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )

    def create_live_ticket(
        self,
        *,
        wallet: str | None = None,
        idempotency_key: str | None = None,
    ) -> types.LiveTicket:
        """Get a ticket for one live connection. Good for one connection within a minute, for addresses, in which no
        credential may stand. The connection ends with the credential that the ticket was made with. Without
        `wallet` it tells of all wallets that the caller may see; a server that acts for everyone names one. Takes
        the scope `read`.
        """
        return self._call(
            "POST",
            "/purser/v1/live-tickets",
            types.LiveTicket,
            body={"wallet": wallet},
            idempotency_key=idempotency_key,
        )

    def list_users(
        self,
        *,
        limit: int | None = None,
        query: str | None = None,
        admin: bool | None = None,
    ) -> Pages[types.Account]:
        """Users, ordered by id. Takes the scope `read`."""
        return self._pages(
            "/purser/v1/users",
            "data",
            types.Account,
            query={"limit": limit, "query": query, "admin": admin},
        )

    def get_user(self, user_id: str) -> types.Account:
        """Look at a user. Takes the scope `read`."""
        return self._call("GET", f"/purser/v1/users/{segment(user_id)}", types.Account)

    def put_user(
        self,
        user_id: str,
        *,
        email: str | None | NotGiven = NOT_GIVEN,
        name: str | None | NotGiven = NOT_GIVEN,
        metadata: Mapping[str, str] | None | NotGiven = NOT_GIVEN,
        admin: bool | None | NotGiven = NOT_GIVEN,
    ) -> types.Account:
        """Make a user, or change one. With a wallet, `user:` and the id. What is left out stays as it is. What a new
        user bought in app stores before is credited. To make a user an administrator takes the scope `admin`.
        """
        return self._call(
            "PUT",
            f"/purser/v1/users/{segment(user_id)}",
            types.Account,
            body={"email": email, "name": name, "metadata": metadata, "admin": admin},
        )

    def delete_user(self, user_id: str, *, reason: str | None = None) -> None:
        """Erase a user's personal data. For good: e-mail, credentials, memberships and cards go, and the user stays
        out. What was bought and spent stays in the books under the user's id. Takes the scope `manage`.
        """
        return self._call("DELETE", f"/purser/v1/users/{segment(user_id)}", type(None), query={"reason": reason})

    def block_user(self, user_id: str, *, reason: str, idempotency_key: str | None = None) -> types.Account:
        """Keep a user out. The user's sessions, keys and tokens stop working, and saved cards are let go. Takes the
        scope `manage`.
        """
        return self._call(
            "POST",
            f"/purser/v1/users/{segment(user_id)}/block",
            types.Account,
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )

    def unblock_user(self, user_id: str, *, reason: str, idempotency_key: str | None = None) -> types.Account:
        """Let a blocked user in again. Their sessions and keys work as before. Cards that were let go have to be
        saved again. Takes the scope `manage`.
        """
        return self._call(
            "POST",
            f"/purser/v1/users/{segment(user_id)}/unblock",
            types.Account,
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )

    def create_import(
        self,
        *,
        name: str,
        users: Sequence[types.ImportedUser],
        dry_run: bool | None = None,
        complete_existing: bool | None = None,
        idempotency_key: str | None = None,
    ) -> types.Import:
        """Import users with their credits. Up to 1,000 users in one transaction; send the next ones with the same
        `name`. A user gets an opening balance once for each `name`, so the same request can be sent again. Who is
        there already stays as they are: what differs is reported, and nothing of it applied. A user who is
        refused keeps no other from being imported; `dryRun` tells beforehand. Each opening balance is told as
        `wallet.changed`. Takes the scope `manage`.
        """
        return self._call(
            "POST",
            "/purser/v1/imports",
            types.Import,
            body={"name": name, "dryRun": dry_run, "completeExisting": complete_existing, "users": users},
            idempotency_key=idempotency_key,
        )

    def get_user_export(self, user_id: str) -> types.UserExport:
        """All that is kept of a user. For people who ask what is known of them. Of organizations it has what the
        user did there. No secret is in it. That it was read is in the audit log. If the answer breaks off it is
        no JSON: ask again. Takes the scope `manage`.
        """
        return self._call("GET", f"/purser/v1/users/{segment(user_id)}/export", types.UserExport)

    def create_session(
        self,
        *,
        user_id: str,
        ttl_seconds: int | None = None,
        scopes: Sequence[Literal["read", "spend", "buy"]] | None = None,
        idempotency_key: str | None = None,
    ) -> types.Session:
        """Open a login session for a user. Its token is for the user's browser or app, and is shown in this answer
        only: a repetition with the same key does not show it again. Takes the scope `manage`.
        """
        return self._call(
            "POST",
            "/purser/v1/sessions",
            types.Session,
            body={"userId": user_id, "ttlSeconds": ttl_seconds, "scopes": scopes},
            idempotency_key=idempotency_key,
        )

    def delete_session(self, session_id: str) -> None:
        """End a session. It ends at once, and so do live connections that were opened with it. Takes the scope
        `manage`.
        """
        return self._call("DELETE", f"/purser/v1/sessions/{segment(session_id)}", type(None))

    def list_user_sessions(self, user_id: str, *, limit: int | None = None) -> Pages[types.SessionRecord]:
        """A user's sessions that have not ended, newest first. Takes the scope `manage`."""
        return self._pages(
            f"/purser/v1/users/{segment(user_id)}/sessions",
            "data",
            types.SessionRecord,
            query={"limit": limit},
        )

    def delete_user_sessions(self, user_id: str) -> None:
        """End all sessions of a user. Takes the scope `manage`."""
        return self._call("DELETE", f"/purser/v1/users/{segment(user_id)}/sessions", type(None))

    def create_portal_session(
        self,
        *,
        wallet: str,
        return_url: str,
        member_id: str | None = None,
        locale: str | None = None,
        idempotency_key: str | None = None,
    ) -> types.PortalSessionMade:
        """Make a link to a customer's wallet page. Send the customer there: the link opens the page once, within ten
        minutes. The session that it opens lasts two hours and is good for this wallet alone, with the scopes
        `read` and `buy`. For an organization `memberId` says as which of its members; without it, it is the
        organization's own. Takes the scope `manage`.
        """
        return self._call(
            "POST",
            "/purser/v1/portal-sessions",
            types.PortalSessionMade,
            body={"wallet": wallet, "memberId": member_id, "returnUrl": return_url, "locale": locale},
            idempotency_key=idempotency_key,
        )

    def list_portal_sessions(self, wallet: str, *, limit: int | None = None) -> Pages[types.PortalSession]:
        """Who looks at a wallet's page. Links that wait to be opened and sessions that have not ended, the newest
        first. Takes the scope `manage`.
        """
        return self._pages(
            f"/purser/v1/wallets/{segment(wallet)}/portal-sessions",
            "data",
            types.PortalSession,
            query={"limit": limit},
        )

    def delete_portal_session(self, portal_session_id: str) -> None:
        """End a session of a wallet page. At once, opened or not, and its live connections with it. Takes the scope
        `manage`.
        """
        return self._call("DELETE", f"/purser/v1/portal-sessions/{segment(portal_session_id)}", type(None))

    def open_portal_session(self, *, link: str, idempotency_key: str | None = None) -> types.OpenedPortalSession:
        """Open a wallet page's session with its link. As the page does. The secret is what the link ends with. It is
        good once.
        """
        return self._call(
            "POST",
            "/purser/v1/portal-sessions/open",
            types.OpenedPortalSession,
            body={"link": link},
            idempotency_key=idempotency_key,
        )

    def get_portal_session(self) -> types.PortalSession:
        """The session of the wallet page that asks. Takes the scope `read`."""
        return self._call("GET", "/purser/v1/portal-session", types.PortalSession)

    def list_api_keys(self, *, limit: int | None = None) -> Pages[types.ApiKey]:
        """All API keys, revoked ones too, newest first. Takes the scope `admin`."""
        return self._pages("/purser/v1/api-keys", "data", types.ApiKey, query={"limit": limit})

    def create_api_key(
        self,
        *,
        name: str,
        scopes: Sequence[Literal["read", "spend", "buy", "manage", "admin"]],
        wallets_of: str | None = None,
        expires_at: datetime | None = None,
        limits: Sequence[types.NewLimit] | None = None,
        idempotency_key: str | None = None,
    ) -> types.ApiKeyWithSecret:
        """Make an API key. With some scopes, for everyone's wallets or with `walletsOf` for those of one user or
        organization. A key of a user is that user in every API. The key is shown in this answer only: a
        repetition with the same `Idempotency-Key` does not show it again. Takes the scope `admin`.
        """
        return self._call(
            "POST",
            "/purser/v1/api-keys",
            types.ApiKeyWithSecret,
            body={
                "name": name,
                "scopes": scopes,
                "walletsOf": wallets_of,
                "expiresAt": expires_at,
                "limits": limits,
            },
            idempotency_key=idempotency_key,
        )

    def get_api_key(self, api_key_id: str) -> types.ApiKey:
        """Look at an API key. Takes the scope `admin`."""
        return self._call("GET", f"/purser/v1/api-keys/{segment(api_key_id)}", types.ApiKey)

    def delete_api_key(self, api_key_id: str) -> None:
        """Revoke an API key. It ends at once, and so do live connections that were opened with it. Takes the scope
        `admin`.
        """
        return self._call("DELETE", f"/purser/v1/api-keys/{segment(api_key_id)}", type(None))

    def put_api_key_limits(self, api_key_id: str, *, limits: Sequence[types.NewLimit]) -> types.ApiKey:
        """Limit what is spent with an API key. Of all wallets together, in a day, a month, or both, of UTC; instead
        of the limits that it had, and at once. What was counted before stays counted. Takes the scope `admin`.
        """
        return self._call(
            "PUT",
            f"/purser/v1/api-keys/{segment(api_key_id)}/limits",
            types.ApiKey,
            body={"limits": limits},
        )

    def list_user_api_keys(self, user_id: str, *, limit: int | None = None) -> Pages[types.ApiKey]:
        """API keys of a user, revoked ones too, newest first. Takes the scope `admin`."""
        return self._pages(
            f"/purser/v1/users/{segment(user_id)}/api-keys",
            "data",
            types.ApiKey,
            query={"limit": limit},
        )

    def get_search(self, *, query: str) -> Pages[types.FoundThing]:
        """Find a user, an order, or what else has an id. By the beginning of a user's id, by an e-mail address; by
        the id of a wallet, an organization (`org:7`), an order, a subscription, a debit, a grant or a hold; by
        the provider's id of a payment, a session, an invoice, a subscription, a customer or an event; by your
        reference. At most ten of each. Takes the scope `read`.
        """
        return self._pages("/purser/v1/search", "data", types.FoundThing, query={"query": query})

    def get_attention(self) -> types.Attention:
        """What needs a person. Everything is zero while all is well. Takes the scope `read`."""
        return self._call("GET", "/purser/v1/attention", types.Attention)

    def get_system(self) -> types.System:
        """The processes, queues, schedule and migrations of this installation. Takes the scope `read`."""
        return self._call("GET", "/purser/v1/system", types.System)

    def get_audit_log(
        self,
        *,
        limit: int | None = None,
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
        from_: datetime | None = None,
        to: datetime | None = None,
    ) -> Pages[types.AuditedAction]:
        """What administrators did, newest first. Takes the scope `admin`."""
        return self._pages(
            "/purser/v1/audit-log",
            "data",
            types.AuditedAction,
            query={"limit": limit, "actor": actor, "action": action, "subject": subject, "from": from_, "to": to},
        )

    def get_statistics(
        self,
        *,
        from_: datetime | None = None,
        to: datetime | None = None,
        interval: Literal["hour", "day", "month"] | None = None,
    ) -> Pages[types.StatisticsInterval]:
        """What was sold, spent, granted, lapsed and refunded. Of all wallets together, for each hour, day or month
        in UTC. The figures agree with the ledger at any moment: what is outstanding changes by `sold` and
        `granted`, less `spent`, `lapsed` and `refunded`. Takes the scope `read`.
        """
        return self._pages(
            "/purser/v1/statistics",
            "data",
            types.StatisticsInterval,
            query={"from": from_, "to": to, "interval": interval},
        )

    def list_operators(self, *, limit: int | None = None) -> Pages[types.Operator]:
        """All operators, the newest first. Takes the scope `admin`."""
        return self._pages("/purser/v1/operators", "data", types.Operator, query={"limit": limit})

    def create_operator(
        self,
        *,
        email: str,
        name: str,
        role: Literal["viewer", "support", "finance", "admin"],
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> types.OperatorLink:
        """Invite an operator. The link is for the operator and works once: on its page they choose a password. It is
        shown in this answer only, and ends after three days. Takes the scope `admin`.
        """
        return self._call(
            "POST",
            "/purser/v1/operators",
            types.OperatorLink,
            body={"email": email, "name": name, "role": role, "reason": reason},
            idempotency_key=idempotency_key,
        )

    def invite_operator(self, operator_id: str, *, idempotency_key: str | None = None) -> types.OperatorLink:
        """Invite an operator again. With another link, in place of the one before: for one who lost it, or the
        password. Accepting it sets another password and ends the operator's sessions. Takes the scope `admin`.
        """
        return self._call(
            "POST",
            f"/purser/v1/operators/{segment(operator_id)}/invite",
            types.OperatorLink,
            idempotency_key=idempotency_key,
        )

    def sign_in_link_operator(self, operator_id: str, *, idempotency_key: str | None = None) -> types.OperatorLink:
        """Get a link that signs an operator in, in test mode. It works once, within twelve hours. In live mode the
        answer is 403. Takes the scope `admin`.
        """
        return self._call(
            "POST",
            f"/purser/v1/operators/{segment(operator_id)}/sign-in-link",
            types.OperatorLink,
            idempotency_key=idempotency_key,
        )

    def get_operator(self, operator_id: str) -> types.Operator:
        """Look at an operator. Takes the scope `admin`."""
        return self._call("GET", f"/purser/v1/operators/{segment(operator_id)}", types.Operator)

    def put_operator(
        self,
        operator_id: str,
        *,
        reason: str,
        name: str | NotGiven = NOT_GIVEN,
        role: Literal["viewer", "support", "finance", "admin"] | NotGiven = NOT_GIVEN,
        disabled: bool | NotGiven = NOT_GIVEN,
    ) -> types.Operator:
        """Change an operator, disable one, or enable one again. What is left out stays as it is. Who is disabled is
        signed out at once. The last admin who can sign in stays one. Takes the scope `admin`.
        """
        return self._call(
            "PUT",
            f"/purser/v1/operators/{segment(operator_id)}",
            types.Operator,
            body={"name": name, "role": role, "disabled": disabled, "reason": reason},
        )

    def delete_operator(self, operator_id: str, *, reason: str) -> None:
        """Remove an operator. What the operator did stays in the audit log. The last admin cannot be removed. Takes
        the scope `admin`.
        """
        return self._call(
            "DELETE",
            f"/purser/v1/operators/{segment(operator_id)}",
            type(None),
            query={"reason": reason},
        )

    def list_operator_sessions(
        self,
        operator_id: str,
        *,
        limit: int | None = None,
    ) -> Pages[types.OperatorSession]:
        """An operator's sessions that have not ended, newest first. An operator sees their own, an admin those of
        all. Takes the scope `read`.
        """
        return self._pages(
            f"/purser/v1/operators/{segment(operator_id)}/sessions",
            "data",
            types.OperatorSession,
            query={"limit": limit},
        )

    def get_operator_session(self) -> types.CurrentOperator:
        """Who is signed in. Takes the scope `read`."""
        return self._call("GET", "/purser/v1/operator-session", types.CurrentOperator)

    def delete_operator_session(self, session_id: str) -> None:
        """End an operator's session. An operator ends their own, an admin anybody's. `current` signs out. Takes the
        scope `read`.
        """
        return self._call("DELETE", f"/purser/v1/operator-sessions/{segment(session_id)}", type(None))

    def create_operator_session(
        self,
        *,
        email: str | None = None,
        password: str | None = None,
        link: str | None = None,
        idempotency_key: str | None = None,
    ) -> types.OperatorSignedIn:
        """Sign in as an operator. With an e-mail address and a password, or with a sign-in link's `link`. The token
        is the credential of the operator; it ends after twelve hours, or two hours after its last use. Attempts
        are bounded by account and by address.
        """
        return self._call(
            "POST",
            "/purser/v1/operator-sessions",
            types.OperatorSignedIn,
            body={"email": email, "password": password, "link": link},
            idempotency_key=idempotency_key,
        )

    def look_up_operator_invitation(self, *, link: str, idempotency_key: str | None = None) -> types.Operator:
        """See whose invitation it is. It can still be accepted afterwards."""
        return self._call(
            "POST",
            "/purser/v1/operator-invitations/look-up",
            types.Operator,
            body={"link": link},
            idempotency_key=idempotency_key,
        )

    def accept_operator_invitation(
        self,
        *,
        link: str,
        password: str,
        idempotency_key: str | None = None,
    ) -> types.Operator:
        """Accept an invitation. Once: it sets the operator's password, and ends the sessions of before."""
        return self._call(
            "POST",
            "/purser/v1/operator-invitations/accept",
            types.Operator,
            body={"link": link, "password": password},
            idempotency_key=idempotency_key,
        )

    def put_operator_password(self, *, password: str, new_password: str) -> None:
        """Change the password of who is signed in. All other sessions of the operator end. Takes the scope `read`."""
        return self._call(
            "PUT",
            "/purser/v1/operator-password",
            type(None),
            body={"password": password, "newPassword": new_password},
        )

    def list_subscriptions(self, wallet: str) -> Pages[types.Subscription]:
        """The subscriptions of a wallet. Those that are not over first, then the newest first; 200 at most. Takes
        the scope `read`.
        """
        return self._pages(f"/purser/v1/wallets/{segment(wallet)}/subscriptions", "data", types.Subscription)

    def cancel_subscription(
        self,
        subscription_id: str,
        *,
        when: Literal["now", "period_end"],
        reason: str,
        refund: bool | None = None,
        idempotency_key: str | None = None,
    ) -> types.Subscription:
        """End a subscription at its provider. With its period, as who buys for the wallet may have it; a server
        needs the scope `manage`, and it may also end it now; then with `refund` its last payment is given back as
        well, as far as that has not happened, and the credits follow the money. A subscription's money is given
        back once, however often that is asked for. What the provider refuses is 409 in its words, and in the
        subscription's `ending`.
        """
        return self._call(
            "POST",
            f"/purser/v1/subscriptions/{segment(subscription_id)}/cancel",
            types.Subscription,
            body={"when": when, "refund": refund, "reason": reason},
            idempotency_key=idempotency_key,
        )

    def change_subscription(
        self,
        subscription_id: str,
        *,
        plan_id: str,
        interval: Literal["month", "year"] | None = None,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> types.Subscription:
        """Move a subscription to another plan. As who buys for the wallet may have it; a server needs the scope
        `manage`. The provider charges the difference for the rest of the period at once, or keeps it for the next
        payment; what is paid is credited. If the payment fails, nothing changes. The plan must have a price or
        product of its own at the provider, in the same currency.
        """
        return self._call(
            "POST",
            f"/purser/v1/subscriptions/{segment(subscription_id)}/change",
            types.Subscription,
            body={"planId": plan_id, "interval": interval, "reason": reason},
            idempotency_key=idempotency_key,
        )

    def list_subscription_plans(self, subscription_id: str) -> Pages[types.PlanOption]:
        """What a subscription can be moved to, and what that costs. The plans that are sold for a month or a year
        and have a price or product of their own at the provider, in the same currency. None while the
        subscription is not active, or ends. Takes the scope `read`.
        """
        return self._pages(f"/purser/v1/subscriptions/{segment(subscription_id)}/plans", "data", types.PlanOption)

    def list_provider_events(
        self,
        *,
        state: str | None = None,
        provider: str | None = None,
        limit: int | None = None,
    ) -> Pages[types.HandledProviderEvent]:
        """Events of providers, and what became of them. Newest first. Those in state `open` contradict their orders:
        nothing was credited, and an operator credits the order, has the event applied again, or dismisses it.
        Takes the scope `admin`.
        """
        return self._pages(
            "/purser/v1/provider-events",
            "data",
            types.HandledProviderEvent,
            query={"state": state, "provider": provider, "limit": limit},
        )

    def get_provider_event(self, id: str) -> types.ProviderEventDetail:
        """An event, what it says, and the order that it is about. What came and what was expected, side by side. The
        text has personal data of the buyer. Takes the scope `admin`.
        """
        return self._call("GET", f"/purser/v1/provider-events/{segment(id)}", types.ProviderEventDetail)

    def credit_provider_event(
        self,
        id: str,
        *,
        reason: str,
        idempotency_key: str | None = None,
    ) -> types.HandledProviderEvent:
        """Credit the order of an event in quarantine as paid. The order counts as paid with what the event says was
        paid, and grants what was ordered. It is refused if there is no order, or the order is credited already.
        Takes the scope `admin`.
        """
        return self._call(
            "POST",
            f"/purser/v1/provider-events/{segment(id)}/credit",
            types.HandledProviderEvent,
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )

    def retry_provider_event(
        self,
        id: str,
        *,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> types.HandledProviderEvent:
        """Have an event in quarantine applied again, after a repair. It goes through the queue, and leaves the
        quarantine if it agrees with its order now. Takes the scope `admin`.
        """
        return self._call(
            "POST",
            f"/purser/v1/provider-events/{segment(id)}/retry",
            types.HandledProviderEvent,
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )

    def dismiss_provider_event(
        self,
        id: str,
        *,
        reason: str,
        idempotency_key: str | None = None,
    ) -> types.HandledProviderEvent:
        """Take an event out of quarantine without crediting anything. Takes the scope `admin`."""
        return self._call(
            "POST",
            f"/purser/v1/provider-events/{segment(id)}/dismiss",
            types.HandledProviderEvent,
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )

    def list_packs(self) -> Pages[types.Pack]:
        """All packs, also those that are not for sale. Takes the scope `manage`."""
        return self._pages("/purser/v1/catalog/packs", "data", types.Pack)

    def create_pack(
        self,
        *,
        name: str,
        credits: Credits,
        price: Money,
        pack_id: str | None = None,
        description: str | None = None,
        expires_after_days: int | None = None,
        dialects: Sequence[str] | None = None,
        stripe_payment_link: str | None = None,
        store_product_id: str | None = None,
        creem_product_id: str | None = None,
        active: bool | None = None,
        sort_order: int | None = None,
        idempotency_key: str | None = None,
    ) -> types.Pack:
        """Add a pack. Takes the scope `manage`."""
        return self._call(
            "POST",
            "/purser/v1/catalog/packs",
            types.Pack,
            body={
                "packId": pack_id,
                "name": name,
                "description": description,
                "credits": credits,
                "price": price,
                "expiresAfterDays": expires_after_days,
                "dialects": dialects,
                "stripePaymentLink": stripe_payment_link,
                "storeProductId": store_product_id,
                "creemProductId": creem_product_id,
                "active": active,
                "sortOrder": sort_order,
            },
            idempotency_key=idempotency_key,
        )

    def get_pack(self, pack_id: str) -> types.Pack:
        """Look at a pack. Takes the scope `manage`."""
        return self._call("GET", f"/purser/v1/catalog/packs/{segment(pack_id)}", types.Pack)

    def put_pack(
        self,
        pack_id: str,
        *,
        name: str,
        credits: Credits,
        price: Money,
        description: str | NotGiven = NOT_GIVEN,
        expires_after_days: int | None | NotGiven = NOT_GIVEN,
        dialects: Sequence[str] | NotGiven = NOT_GIVEN,
        stripe_payment_link: str | None | NotGiven = NOT_GIVEN,
        store_product_id: str | None | NotGiven = NOT_GIVEN,
        creem_product_id: str | None | NotGiven = NOT_GIVEN,
        active: bool | NotGiven = NOT_GIVEN,
        sort_order: int | NotGiven = NOT_GIVEN,
    ) -> types.Pack:
        """Replace a pack. With `active` false it is sold no more. Orders that were placed keep what was ordered.
        Takes the scope `manage`.
        """
        return self._call(
            "PUT",
            f"/purser/v1/catalog/packs/{segment(pack_id)}",
            types.Pack,
            body={
                "name": name,
                "description": description,
                "credits": credits,
                "price": price,
                "expiresAfterDays": expires_after_days,
                "dialects": dialects,
                "stripePaymentLink": stripe_payment_link,
                "storeProductId": store_product_id,
                "creemProductId": creem_product_id,
                "active": active,
                "sortOrder": sort_order,
            },
        )

    def list_plans(self) -> Pages[types.Plan]:
        """All plans, also those that are not for sale. Takes the scope `manage`."""
        return self._pages("/purser/v1/catalog/plans", "data", types.Plan)

    def create_plan(
        self,
        *,
        name: str,
        monthly: types.NewPlanPeriod,
        plan_id: str | None = None,
        description: str | None = None,
        yearly: types.NewPlanPeriod | None = None,
        features: Sequence[str] | None = None,
        rollover: bool | None = None,
        stripe_price_monthly: str | None = None,
        stripe_price_yearly: str | None = None,
        creem_product_monthly: str | None = None,
        creem_product_yearly: str | None = None,
        active: bool | None = None,
        sort_order: int | None = None,
        idempotency_key: str | None = None,
    ) -> types.Plan:
        """Add a plan. Takes the scope `manage`."""
        return self._call(
            "POST",
            "/purser/v1/catalog/plans",
            types.Plan,
            body={
                "planId": plan_id,
                "name": name,
                "description": description,
                "monthly": monthly,
                "yearly": yearly,
                "features": features,
                "rollover": rollover,
                "stripePriceMonthly": stripe_price_monthly,
                "stripePriceYearly": stripe_price_yearly,
                "creemProductMonthly": creem_product_monthly,
                "creemProductYearly": creem_product_yearly,
                "active": active,
                "sortOrder": sort_order,
            },
            idempotency_key=idempotency_key,
        )

    def get_plan(self, plan_id: str) -> types.Plan:
        """Look at a plan. Takes the scope `manage`."""
        return self._call("GET", f"/purser/v1/catalog/plans/{segment(plan_id)}", types.Plan)

    def put_plan(
        self,
        plan_id: str,
        *,
        name: str,
        monthly: types.NewPlanPeriod,
        description: str | NotGiven = NOT_GIVEN,
        yearly: types.NewPlanPeriod | None | NotGiven = NOT_GIVEN,
        features: Sequence[str] | NotGiven = NOT_GIVEN,
        rollover: bool | NotGiven = NOT_GIVEN,
        stripe_price_monthly: str | None | NotGiven = NOT_GIVEN,
        stripe_price_yearly: str | None | NotGiven = NOT_GIVEN,
        creem_product_monthly: str | None | NotGiven = NOT_GIVEN,
        creem_product_yearly: str | None | NotGiven = NOT_GIVEN,
        active: bool | None | NotGiven = NOT_GIVEN,
        sort_order: int | NotGiven = NOT_GIVEN,
    ) -> types.Plan:
        """Replace a plan. With `active` false it is sold no more. Subscriptions keep the terms that they were made
        with. Takes the scope `manage`.
        """
        return self._call(
            "PUT",
            f"/purser/v1/catalog/plans/{segment(plan_id)}",
            types.Plan,
            body={
                "name": name,
                "description": description,
                "monthly": monthly,
                "yearly": yearly,
                "features": features,
                "rollover": rollover,
                "stripePriceMonthly": stripe_price_monthly,
                "stripePriceYearly": stripe_price_yearly,
                "creemProductMonthly": creem_product_monthly,
                "creemProductYearly": creem_product_yearly,
                "active": active,
                "sortOrder": sort_order,
            },
        )

    def list_coupons(self, *, limit: int | None = None) -> Pages[types.Coupon]:
        """All coupons, the newest first. Takes the scope `manage`."""
        return self._pages("/purser/v1/catalog/coupons", "data", types.Coupon, query={"limit": limit})

    def create_coupon(
        self,
        *,
        code: str,
        percent: int | None = None,
        amount_off: Money | None = None,
        bonus_credits: Credits | None = None,
        credits: Credits | None = None,
        max_redemptions: int | None = None,
        max_per_user: int | None = None,
        expires_at: datetime | None = None,
        expires_after_days: int | None = None,
        plan_ids: Sequence[str] | None = None,
        pack_ids: Sequence[str] | None = None,
        active: bool | None = None,
        idempotency_key: str | None = None,
    ) -> types.Coupon:
        """Add a coupon. One of `percent`, `amountOff` and `bonusCredits` goes with an order; `credits` gives its
        credits at once, to whoever redeems the code. Takes the scope `manage`.
        """
        return self._call(
            "POST",
            "/purser/v1/catalog/coupons",
            types.Coupon,
            body={
                "code": code,
                "percent": percent,
                "amountOff": amount_off,
                "bonusCredits": bonus_credits,
                "credits": credits,
                "maxRedemptions": max_redemptions,
                "maxPerUser": max_per_user,
                "expiresAt": expires_at,
                "expiresAfterDays": expires_after_days,
                "planIds": plan_ids,
                "packIds": pack_ids,
                "active": active,
            },
            idempotency_key=idempotency_key,
        )

    def get_coupon(self, coupon_id: str) -> types.Coupon:
        """Look at a coupon. Takes the scope `manage`."""
        return self._call("GET", f"/purser/v1/catalog/coupons/{segment(coupon_id)}", types.Coupon)

    def put_coupon(
        self,
        coupon_id: str,
        *,
        max_redemptions: int | None | NotGiven = NOT_GIVEN,
        max_per_user: int | None | NotGiven = NOT_GIVEN,
        expires_at: datetime | None | NotGiven = NOT_GIVEN,
        expires_after_days: int | None | NotGiven = NOT_GIVEN,
        plan_ids: Sequence[str] | NotGiven = NOT_GIVEN,
        pack_ids: Sequence[str] | NotGiven = NOT_GIVEN,
        active: bool | None | NotGiven = NOT_GIVEN,
    ) -> types.Coupon:
        """Change a coupon. All but its code and what it does, which are for good: with `active` false it is accepted
        no more. Orders that use it keep what it gave them. Takes the scope `manage`.
        """
        return self._call(
            "PUT",
            f"/purser/v1/catalog/coupons/{segment(coupon_id)}",
            types.Coupon,
            body={
                "maxRedemptions": max_redemptions,
                "maxPerUser": max_per_user,
                "expiresAt": expires_at,
                "expiresAfterDays": expires_after_days,
                "planIds": plan_ids,
                "packIds": pack_ids,
                "active": active,
            },
        )

    def get_check_in(self) -> types.CheckIn:
        """What users get for checking in once a day. Takes the scope `manage`."""
        return self._call("GET", "/purser/v1/catalog/check-in", types.CheckIn)

    def put_check_in(
        self,
        *,
        enabled: bool,
        credits_per_day: Credits,
        time_zone: str,
        streak_bonuses: Sequence[types.NewStreakBonus] | NotGiven = NOT_GIVEN,
    ) -> types.CheckIn:
        """Set what users get for checking in. From the next check-in on. A streak's bonus is given once, on the day
        that makes the streak so long. A change of the time zone gives nobody a second check-in on one day. Takes
        the scope `manage`.
        """
        return self._call(
            "PUT",
            "/purser/v1/catalog/check-in",
            types.CheckIn,
            body={
                "enabled": enabled,
                "creditsPerDay": credits_per_day,
                "streakBonuses": streak_bonuses,
                "timeZone": time_zone,
            },
        )

    def list_credit_prices(self) -> Pages[types.CreditPrice]:
        """What any amount of credits costs, by currency. Takes the scope `manage`."""
        return self._pages("/purser/v1/catalog/credit-prices", "data", types.CreditPrice)

    def put_credit_price(self, currency: str, *, credits: Credits, minor: int) -> types.CreditPrice:
        """Set what credits cost in a currency. So many credits for so many smallest units. Auto-recharge and
        purchases of any amount go by it from now on; orders that were placed keep their price. Takes the scope
        `manage`.
        """
        return self._call(
            "PUT",
            f"/purser/v1/catalog/credit-prices/{segment(currency)}",
            types.CreditPrice,
            body={"credits": credits, "minor": minor},
        )

    def list_dead_letters(self, *, limit: int | None = None, role: str | None = None) -> Pages[types.DeadLetter]:
        """Jobs that nobody could do and that wait for an operator. Newest first, without their messages; and how
        many there are, by role and reason. Takes the scope `admin`.
        """
        return self._pages(
            "/purser/v1/dead-letters",
            "data",
            types.DeadLetter,
            query={"limit": limit, "role": role},
        )

    def get_dead_letter(self, id: str) -> types.DeadLetterDetail:
        """A job that nobody could do, with what may be seen of its message. Ids, types and states only: never texts,
        addresses or links. Takes the scope `admin`.
        """
        return self._call("GET", f"/purser/v1/dead-letters/{segment(id)}", types.DeadLetterDetail)

    def retry_dead_letter(self, id: str, *, idempotency_key: str | None = None) -> types.DeadLetter:
        """Have a dead letter done again. It goes back to its queue. Should it fail again, it is a new dead letter.
        Takes the scope `admin`.
        """
        return self._call(
            "POST",
            f"/purser/v1/dead-letters/{segment(id)}/retry",
            types.DeadLetter,
            idempotency_key=idempotency_key,
        )

    def dismiss_dead_letter(self, id: str, *, reason: str, idempotency_key: str | None = None) -> types.DeadLetter:
        """Give a dead letter up. Its message is forgotten. That it was, by whom and why stays on record. Takes the
        scope `admin`.
        """
        return self._call(
            "POST",
            f"/purser/v1/dead-letters/{segment(id)}/dismiss",
            types.DeadLetter,
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )

    def list_parked_purchases(self, *, limit: int | None = None) -> Pages[types.ParkedPurchase]:
        """Purchases in app stores that wait for their buyers or products. Oldest first. A purchase of several waits
        for somebody who says how many they are. Takes the scope `admin`.
        """
        return self._pages("/purser/v1/parked-purchases", "data", types.ParkedPurchase, query={"limit": limit})

    def get_parked_purchase(self, purchase_id: str) -> types.ParkedPurchase:
        """A purchase in an app store. Takes the scope `admin`."""
        return self._call("GET", f"/purser/v1/parked-purchases/{segment(purchase_id)}", types.ParkedPurchase)

    def claim_parked_purchase(
        self,
        purchase_id: str,
        *,
        user_id: str,
        quantity: int | None = None,
        idempotency_key: str | None = None,
    ) -> types.Claimed:
        """Give a parked purchase to a user. Takes the scope `admin`."""
        return self._call(
            "POST",
            f"/purser/v1/parked-purchases/{segment(purchase_id)}/claim",
            types.Claimed,
            body={"userId": user_id, "quantity": quantity},
            idempotency_key=idempotency_key,
        )

    def retry_parked_purchase(
        self,
        purchase_id: str,
        *,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> types.ParkedPurchase:
        """Have a parked purchase looked at again. It is credited if its buyer and its product are known now. Takes
        the scope `admin`.
        """
        return self._call(
            "POST",
            f"/purser/v1/parked-purchases/{segment(purchase_id)}/retry",
            types.ParkedPurchase,
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )

    def dismiss_parked_purchase(
        self,
        purchase_id: str,
        *,
        reason: str,
        idempotency_key: str | None = None,
    ) -> types.ParkedPurchase:
        """Decide that nobody gets a parked purchase. Takes the scope `admin`."""
        return self._call(
            "POST",
            f"/purser/v1/parked-purchases/{segment(purchase_id)}/dismiss",
            types.ParkedPurchase,
            body={"reason": reason},
            idempotency_key=idempotency_key,
        )

    def list_organizations(self, *, limit: int | None = None) -> Pages[types.Organization]:
        """Organizations, ordered by id. All of them; for a user, their own. Takes the scope `read`."""
        return self._pages("/purser/v1/organizations", "data", types.Organization, query={"limit": limit})

    def create_organization(
        self,
        *,
        name: str,
        members: Sequence[types.Member] | None = None,
        idempotency_key: str | None = None,
    ) -> types.NewOrganizationMade:
        """Make an organization. With a wallet that its members share: `org:` and its id. Takes the scope `manage`."""
        return self._call(
            "POST",
            "/purser/v1/organizations",
            types.NewOrganizationMade,
            body={"name": name, "members": members},
            idempotency_key=idempotency_key,
        )

    def get_organization(self, org_id: str) -> types.OrganizationDetails:
        """Look at an organization. Takes the scope `read`."""
        return self._call("GET", f"/purser/v1/organizations/{segment(org_id)}", types.OrganizationDetails)

    def put_organization_member(
        self,
        org_id: str,
        user_id: str,
        *,
        role: Literal["owner", "admin", "member", "viewer"],
        limit: types.NewLimit | None | NotGiven = NOT_GIVEN,
    ) -> types.OrganizationMember:
        """Give a user a role in an organization. As a new member, or instead of another role. Owners and admins buy
        and spend, members spend, viewers see. An organization that has an owner keeps one. What a viewer to be
        holds of its credits is released. Owners and admins may do it themselves, with the session of a wallet
        page; only owners decide who is an owner. Takes the scope `manage`.
        """
        return self._call(
            "PUT",
            f"/purser/v1/organizations/{segment(org_id)}/members/{segment(user_id)}",
            types.OrganizationMember,
            body={"role": role, "limit": limit},
        )

    def delete_organization_member(self, org_id: str, user_id: str) -> None:
        """Take a user out of an organization. An organization that has an owner keeps one. What the user holds of
        its credits is released. Takes the scope `manage`.
        """
        return self._call(
            "DELETE",
            f"/purser/v1/organizations/{segment(org_id)}/members/{segment(user_id)}",
            type(None),
        )

    def put_member_limit(
        self,
        org_id: str,
        user_id: str,
        *,
        credits: Credits,
        per: Literal["day", "month"],
    ) -> types.Limit:
        """Limit what a member spends. Of the organization's credits, in a day or a month of UTC; instead of another
        limit, and at once. What was counted before stays counted. In a session with the scope `buy`, owners limit
        everybody, and admins members and viewers. A server does with the scope `manage`.
        """
        return self._call(
            "PUT",
            f"/purser/v1/organizations/{segment(org_id)}/members/{segment(user_id)}/limit",
            types.Limit,
            body={"credits": credits, "per": per},
        )

    def delete_member_limit(self, org_id: str, user_id: str) -> None:
        """Take a member's limit away. The member spends as much as there is. In a session with the scope `buy`,
        owners limit everybody, and admins members and viewers. A server does with the scope `manage`.
        """
        return self._call(
            "DELETE",
            f"/purser/v1/organizations/{segment(org_id)}/members/{segment(user_id)}/limit",
            type(None),
        )

    def list_balance_alerts(self, wallet: str) -> types.BalanceAlerts:
        """The levels below which a balance is told of. Takes the scope `read`."""
        return self._call("GET", f"/purser/v1/wallets/{segment(wallet)}/balance-alerts", types.BalanceAlerts)

    def put_balance_alerts(self, wallet: str, *, levels: Sequence[Credits]) -> types.BalanceAlerts:
        """Choose the levels below which a balance is told of. When the balance falls below a level, live connections
        and webhook endpoints get `balance.low`: once, and again after it has risen to the level and fallen below
        it anew. Of several levels that are passed at once the lowest is told. For an organization owners and
        admins choose. Takes the scope `buy`.
        """
        return self._call(
            "PUT",
            f"/purser/v1/wallets/{segment(wallet)}/balance-alerts",
            types.BalanceAlerts,
            body={"levels": levels},
        )

    def list_webhook_endpoints(self) -> Pages[types.WebhookEndpoint]:
        """All webhook endpoints, without their secrets. Takes the scope `admin`."""
        return self._pages("/purser/v1/webhook-endpoints", "data", types.WebhookEndpoint)

    def create_webhook_endpoint(
        self,
        *,
        url: str,
        event_types: Sequence[Literal["wallet.changed", "balance.low", "grant.expired", "grant.expiring", "limit.reached", "order.created", "order.paid", "order.failed", "order.expired", "order.refunded", "credits.added", "credits.removed", "credits.restored", "payment.failed", "payment.expired", "subscription.updated", "auto_recharge.enabled", "auto_recharge.succeeded", "auto_recharge.cap_warning", "auto_recharge.failed", "auto_recharge.paused", "auto_recharge.resumed", "auto_recharge.action_required", "auto_recharge.skipped", "auto_recharge.amount_too_small"]] | None = None,
        enabled: bool | None = None,
        idempotency_key: str | None = None,
    ) -> types.WebhookEndpointWithSecret:
        """Add an address that is told what happens to wallets. Messages are signed as Standard Webhooks has it, with
        the headers `webhook-id`, `webhook-timestamp` and `webhook-signature`. A message may come more than once,
        always under the same `webhook-id`, and in any order: of the events of one wallet, the one with the larger
        `sequence` is the later one. It is one more than that of the event before, of whatever type: an endpoint
        that takes all types sees by it what is still to come. `webhooks` describes them all. The secret is shown
        in this answer only. Takes the scope `admin`.
        """
        return self._call(
            "POST",
            "/purser/v1/webhook-endpoints",
            types.WebhookEndpointWithSecret,
            body={"url": url, "eventTypes": event_types, "enabled": enabled},
            idempotency_key=idempotency_key,
        )

    def get_webhook_endpoint(self, endpoint_id: str) -> types.WebhookEndpoint:
        """Look at a webhook endpoint. Takes the scope `admin`."""
        return self._call("GET", f"/purser/v1/webhook-endpoints/{segment(endpoint_id)}", types.WebhookEndpoint)

    def put_webhook_endpoint(
        self,
        endpoint_id: str,
        *,
        url: str,
        event_types: Sequence[Literal["wallet.changed", "balance.low", "grant.expired", "grant.expiring", "limit.reached", "order.created", "order.paid", "order.failed", "order.expired", "order.refunded", "credits.added", "credits.removed", "credits.restored", "payment.failed", "payment.expired", "subscription.updated", "auto_recharge.enabled", "auto_recharge.succeeded", "auto_recharge.cap_warning", "auto_recharge.failed", "auto_recharge.paused", "auto_recharge.resumed", "auto_recharge.action_required", "auto_recharge.skipped", "auto_recharge.amount_too_small"]] | NotGiven = NOT_GIVEN,
        enabled: bool | NotGiven = NOT_GIVEN,
    ) -> types.WebhookEndpoint:
        """Replace a webhook endpoint. One that was disabled, also by itself, is told again once `enabled` is true.
        Takes the scope `admin`.
        """
        return self._call(
            "PUT",
            f"/purser/v1/webhook-endpoints/{segment(endpoint_id)}",
            types.WebhookEndpoint,
            body={"url": url, "eventTypes": event_types, "enabled": enabled},
        )

    def delete_webhook_endpoint(self, endpoint_id: str) -> None:
        """Delete a webhook endpoint with its deliveries. Takes the scope `admin`."""
        return self._call("DELETE", f"/purser/v1/webhook-endpoints/{segment(endpoint_id)}", type(None))

    def rotate_secret_webhook_endpoint(
        self,
        endpoint_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> types.WebhookEndpointWithSecret:
        """Give a webhook endpoint another secret. For a day messages are signed with both. The secret is shown in
        this answer only. Takes the scope `admin`.
        """
        return self._call(
            "POST",
            f"/purser/v1/webhook-endpoints/{segment(endpoint_id)}/rotate-secret",
            types.WebhookEndpointWithSecret,
            idempotency_key=idempotency_key,
        )

    def test_webhook_endpoint(
        self,
        endpoint_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> types.WebhookAccepted:
        """Send a message to try a webhook endpoint. Its type is `endpoint.test`. How it went is among the endpoint's
        deliveries. Takes the scope `admin`.
        """
        return self._call(
            "POST",
            f"/purser/v1/webhook-endpoints/{segment(endpoint_id)}/test",
            types.WebhookAccepted,
            idempotency_key=idempotency_key,
        )

    def list_webhook_endpoint_deliveries(
        self,
        endpoint_id: str,
        *,
        limit: int | None = None,
        state: str | None = None,
    ) -> Pages[types.WebhookDelivery]:
        """What was delivered to a webhook endpoint, or could not be. Newest first, kept for 30 days. Takes the scope
        `admin`.
        """
        return self._pages(
            f"/purser/v1/webhook-endpoints/{segment(endpoint_id)}/deliveries",
            "data",
            types.WebhookDelivery,
            query={"limit": limit, "state": state},
        )

    def replay_webhook_delivery(
        self,
        delivery_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> types.WebhookAccepted:
        """Send a message again. Under the same `webhook-id`, whether it was delivered or not. Takes the scope
        `admin`.
        """
        return self._call(
            "POST",
            f"/purser/v1/webhook-deliveries/{segment(delivery_id)}/replay",
            types.WebhookAccepted,
            idempotency_key=idempotency_key,
        )

    def list_products(self) -> types.Products:
        """What is for sale. Packs and plans in the order to show them in, and what any amount of credits costs.
        Takes the scope `read`.
        """
        return self._call("GET", "/purser/v1/products", types.Products)

    def list_orders(
        self,
        *,
        limit: int | None = None,
        wallet: str | None = None,
        status: str | None = None,
        reference: str | None = None,
    ) -> Pages[types.Order]:
        """Orders, the newest first. Those for which all holds that is given. Unless a wallet is named they are
        everybody's, or those of the one wallet that the credential is for. Takes the scope `read`.
        """
        return self._pages(
            "/purser/v1/orders",
            "data",
            types.Order,
            query={"limit": limit, "wallet": wallet, "status": status, "reference": reference},
        )

    def create_order(
        self,
        *,
        wallet: str,
        pack_id: str | None = None,
        quantity: int | None = None,
        items: Sequence[types.NewOrderItem] | None = None,
        credits: Credits | None = None,
        plan_id: str | None = None,
        interval: Literal["month", "year"] | None = None,
        provider: Literal["stripe", "creem"] | None = None,
        currency: str | None = None,
        coupon: str | None = None,
        success_url: str | None = None,
        cancel_url: str | None = None,
        reference: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> types.Order:
        """Buy something for a wallet. A pack, several packs, an amount of credits, or a plan: exactly one of
        `packId`, `items`, `credits` and `planId`. Send the buyer to `checkoutUrl`; the credits arrive once the
        provider says that it is paid. If the page takes long, or with `Prefer: respond-async`, the answer is 202:
        ask at `Location` for the order. Sent again with its `Idempotency-Key`, it is the same order for ever.
        Takes the scope `buy`.
        """
        return self._call(
            "POST",
            "/purser/v1/orders",
            types.Order,
            body={
                "wallet": wallet,
                "packId": pack_id,
                "quantity": quantity,
                "items": items,
                "credits": credits,
                "planId": plan_id,
                "interval": interval,
                "provider": provider,
                "currency": currency,
                "coupon": coupon,
                "successUrl": success_url,
                "cancelUrl": cancel_url,
                "reference": reference,
                "metadata": metadata,
            },
            idempotency_key=idempotency_key,
        )

    def get_order(self, order_id: str) -> types.Order:
        """An order, with its refunds and disputes. While it is open, asking has the provider asked too, every few
        seconds at most. Takes the scope `read`.
        """
        return self._call("GET", f"/purser/v1/orders/{segment(order_id)}", types.Order)

    def refund_order(
        self,
        order_id: str,
        *,
        reason: str,
        minor: int | None = None,
        idempotency_key: str | None = None,
    ) -> types.Refund:
        """Give money of an order back. All that is left, or a part; the credits follow as with any refund. In all
        never more goes back than was paid, and with its `Idempotency-Key` a request gives back once, for ever.
        What the provider refuses is 409 in its words, and in the order's `refunds`. Creem gives back all that is
        left only. Takes the scope `manage`.
        """
        return self._call(
            "POST",
            f"/purser/v1/orders/{segment(order_id)}/refund",
            types.Refund,
            body={"minor": minor, "reason": reason},
            idempotency_key=idempotency_key,
        )

    def get_order_timeline(self, order_id: str) -> Pages[types.TimelineStep]:
        """The story of an order. What was ordered, what the provider told of it, what was decided by hand, which
        credits moved, and what your server was told, in the order in which it happened: at most 200 of each.
        Takes the scope `read`.
        """
        return self._pages(f"/purser/v1/orders/{segment(order_id)}/timeline", "data", types.TimelineStep)

    def get_checkout(self, checkout_id: str) -> types.Checkout:
        """How a payment page stands. That of an order, whose id it has, or one on which a card is saved
        (`setup.paymentId`). While it is open, asking has the provider asked too, every few seconds at most. Takes
        the scope `read`.
        """
        return self._call("GET", f"/purser/v1/checkouts/{segment(checkout_id)}", types.Checkout)

    def get_checkout_result(self, session_id: str) -> types.CheckoutResult:
        """What came of a payment page, for the page that buyers come back to. The session's id is in the address
        that the provider sends the buyer back to; who knows it may know this.
        """
        return self._call("GET", f"/purser/v1/checkout-results/{segment(session_id)}", types.CheckoutResult)

    def create_redemption(self, *, wallet: str, code: str, idempotency_key: str | None = None) -> types.Order:
        """Redeem a code that gives credits. Makes an order without a price, which a worker credits at once. A coupon
        that goes with a purchase is used with an order instead. Takes the scope `buy`.
        """
        return self._call(
            "POST",
            "/purser/v1/redemptions",
            types.Order,
            body={"wallet": wallet, "code": code},
            idempotency_key=idempotency_key,
        )

    def get_clock(self) -> types.Clock:
        """The time of an installation in test mode. In live mode there is no test clock: the answer is 403. Takes
        the scope `admin`.
        """
        return self._call("GET", "/purser/v1/test/clock", types.Clock)

    def clock(
        self,
        *,
        advance_seconds: int | None = None,
        to: datetime | None = None,
        idempotency_key: str | None = None,
    ) -> types.ClockMoved:
        """Let time pass, in test mode. Moves the time of the whole installation forward: of the API, the workers and
        the scheduler, and of the provider emulator, if it runs beside them under `cargo dev`. Expiry, renewals,
        holds, months and retries come as if the time had passed. Send either `advanceSeconds` or `to`. The answer
        comes when every process goes by the new time, after ten seconds at the latest, with `inForce` false then;
        sent again with the same key, the request waits on. What becomes due happens after the answer. Timeouts,
        limits of requests and the pauses after which the broker delivers a failed job again stay real. To see
        renewals one by one, advance in steps of a day. In live mode the answer is 403. Takes the scope `admin`.
        """
        return self._call(
            "POST",
            "/purser/v1/test/clock",
            types.ClockMoved,
            body={"advanceSeconds": advance_seconds, "to": to},
            idempotency_key=idempotency_key,
        )
