package interactions

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/segments"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/channel"
	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/ent/message"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/phone"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/messaging/attachments"
	"github.com/trellishq/trellis/tenants/scope"
)

// MaxBody is the length of a message in Unicode code points, after NFC
// (decisions C-18).
const MaxBody = 900

// liveFor is how long a message written by a person may still be sent; the
// provider is told the same (rules A6-4).
const liveFor = 4 * time.Hour

// previewLength is how much of a message a list of interactions shows, in code
// points.
const previewLength = 100

// Draft is a message that somebody wants to send.
type Draft struct {
	Body          string
	AttachmentIDs []uuid.UUID
	// ClientMessageID is the client's own name for the message, unique in the
	// tenant; empty for none.
	ClientMessageID string
	// Sender is one of the tenant's sender ids, to be shown instead of the
	// channel's address; empty for none.
	Sender string
	// Phrase is the prepared text that it is made of, or nil. Without a body the
	// text is filled here; a body is what somebody has made of it.
	Phrase *PhraseUse
	// SendAt is when it is to be sent; nil for at once.
	SendAt *time.Time
	// UnlessAnswered takes a scheduled message back if the customer writes before.
	UnlessAnswered bool

	resentOf   *uuid.UUID
	ownUploads bool // only what the sender has uploaded himself
}

// Recipient is an address or a contact.
type Recipient struct {
	// To is a telephone number in E.164, or as it is written in the tenant's
	// country.
	To        string
	ContactID uuid.UUID
}

// Preview says how a text would travel, without sending it.
type Preview struct {
	segments.Result
	Characters  int
	MaxSegments int
}

// Preview counts a text's segments; channelID may be nil. Faults: CodeNotFound,
// CodeMessageTooLong.
func (s *Service) Preview(ctx context.Context, channelID uuid.UUID, body string) (Preview, error) {
	body = segments.Normalize(body)
	out := Preview{Result: segments.Count(body), Characters: utf8.RuneCountInString(body)}
	if out.Characters > MaxBody {
		return Preview{}, tooLong(out.Characters)
	}
	if channelID == uuid.Nil {
		return out, nil
	}
	through, err := s.channels.Get(ctx, channelID)
	if err != nil {
		return Preview{}, err
	}
	out.MaxSegments = through.MaxSegments
	return out, nil
}

func tooLong(characters int) error {
	return fault.InvalidField(fault.CodeMessageTooLong, "body.body",
		fmt.Sprintf("has %d characters; %d are allowed", characters, MaxBody))
}

// Start sends a message to an address. It joins the conversation with it that
// is not closed, or opens one. Faults: those of Reply, and CodeInvalidAddress,
// CodeOwnNumber, CodeNotFound for the channel or the contact.
func (s *Service) Start(ctx context.Context, c Caller, channelID uuid.UUID, to Recipient, d Draft) (Message, error) {
	var out Message
	d.ownUploads = c.ownUploads(ctx)
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		if c.OwnOnly {
			if _, err := s.channels.GetFor(ctx, channels.Viewer{UserID: c.UserID, Narrow: true}, channelID); err != nil {
				return err
			}
		}
		through, err := s.sendingChannel(ctx, channelID)
		if err != nil {
			return err
		}
		address, contactID, err := s.resolve(ctx, channelID, to)
		if err != nil {
			return err
		}
		// A repeated request joins the message that is there, also where its
		// conversation has been closed since, and opens none.
		if earlier, found, err := s.earlier(ctx, channelID, address, d); found || err != nil {
			if err == nil {
				out, err = earlier, s.mustSee(ctx, c, earlier.InteractionID)
			}
			return err
		}
		conversation, opened, err := s.begun(ctx, channelID, contactID, address)
		if err != nil {
			return err
		}
		if c.OwnOnly {
			if conversation, err = s.own(ctx, conversation, opened, c); err != nil {
				return err
			}
		}
		out, err = s.send(ctx, through, conversation, d)
		return err
	})
	return out, err
}

// own gives a conversation to the caller who has opened it. One that was there
// must be his already: writing to a number is no way into what others said.
func (s *Service) own(ctx context.Context, row *ent.Interaction, opened bool, c Caller) (*ent.Interaction, error) {
	if opened {
		return s.give(ctx, row, &c.UserID, ByOpening, "")
	}
	if row.AssigneeID == nil || *row.AssigneeID != c.UserID {
		return nil, othersConversation()
	}
	return row, nil
}

func othersConversation() error {
	return fault.New(fault.Conflict, fault.CodeWrongState,
		"There is a conversation with this address that is not assigned to you.").Showing("assigned")
}

// mustSee refuses what a message's own conversation does not show to the caller.
func (s *Service) mustSee(ctx context.Context, c Caller, interactionID uuid.UUID) error {
	seen, err := s.sees(ctx, c, interactionID)
	if err == nil && !seen {
		err = othersConversation()
	}
	return err
}

// Reply sends a message in an interaction. Faults: CodeNotFound, CodeWrongState,
// CodeEmptyMessage, CodeMessageTooLong, CodeTooManySegments, CodeNotCapable,
// CodeChannelInactive, CodeDuplicateMessage, CodeQuotaExceeded and those of
// attachments. A fault leaves what it has written behind: the transaction is to
// be rolled back.
func (s *Service) Reply(ctx context.Context, c Caller, interactionID uuid.UUID, d Draft) (Message, error) {
	var out Message
	d.ownUploads = c.ownUploads(ctx)
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		channelID, err := s.channelOf(ctx, c, interactionID)
		if err != nil {
			return err
		}
		through, err := s.sendingChannel(ctx, channelID)
		if err != nil {
			return err
		}
		conversation, err := s.lock(ctx, c, interactionID)
		if err != nil {
			return err
		}
		if err := c.has(conversation); err != nil {
			return err
		}
		if conversation, err = s.opened(ctx, c, conversation); err != nil {
			return err
		}
		if phone.IsAlphanumericSender(conversation.Address) && !phone.IsE164(conversation.Address) {
			return fault.New(fault.Invalid, fault.CodeNotCapable, "The sender is a name, to which no message can be sent.")
		}
		out, err = s.send(ctx, through, conversation, d)
		return err
	})
	return out, err
}

// channelOf is the channel of a conversation that concerns the caller, read
// before either is locked: the channel comes first, as it does for whoever takes
// its number away.
func (s *Service) channelOf(ctx context.Context, c Caller, interactionID uuid.UUID) (uuid.UUID, error) {
	row, err := s.store.Ent(ctx).Interaction.Query().Where(interaction.ID(interactionID)).Only(ctx)
	if ent.IsNotFound(err) {
		return uuid.Nil, fault.Missing("interaction")
	}
	if err != nil {
		return uuid.Nil, err
	}
	if c.OwnOnly && holder(row) != c.UserID {
		err = concerns(ctx, c, row)
	}
	return row.ChannelID, err
}

// Resend sends a failed message again, as a new one that names the old (rules
// E2-4). Faults: those of Reply; CodeWrongState while the message may still
// arrive.
func (s *Service) Resend(ctx context.Context, c Caller, messageID uuid.UUID) (Message, error) {
	var out Message
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		old, err := s.visibleMessage(ctx, c, messageID)
		if err != nil {
			return err
		}
		switch old.Status {
		case Failed, Undelivered, Expired, Canceled:
		default:
			return fault.New(fault.Conflict, fault.CodeWrongState,
				"The message has not failed: it is %s.", old.Status).Showing(string(old.Status))
		}
		out, err = s.resend(ctx, c, old)
		return err
	})
	return out, err
}

func (s *Service) resend(ctx context.Context, c Caller, old *ent.Message) (Message, error) {
	through, err := s.sendingChannel(ctx, old.ChannelID)
	if err != nil {
		return Message{}, err
	}
	origin, err := s.store.Ent(ctx).Interaction.Get(ctx, old.InteractionID)
	if err != nil {
		return Message{}, err
	}
	conversation, opened, err := s.begun(ctx, old.ChannelID, origin.ContactID, old.ToAddress)
	if err != nil {
		return Message{}, err
	}
	if c.OwnOnly && (opened || conversation.AssigneeID == nil || *conversation.AssigneeID != c.UserID) {
		return Message{}, othersConversation()
	}
	pictures, err := s.attachments.Copy(ctx, old.ID)
	if err != nil {
		return Message{}, err
	}
	return s.send(ctx, through, conversation, Draft{Body: old.Body, AttachmentIDs: pictures, Sender: nameOf(old.FromAddress), resentOf: &old.ID})
}

// sendingChannel loads a channel that may send.
func (s *Service) sendingChannel(ctx context.Context, channelID uuid.UUID) (channels.Channel, error) {
	through, err := s.channels.Hold(ctx, channelID)
	if err != nil {
		return channels.Channel{}, err
	}
	if through.Blocked {
		return channels.Channel{}, fault.New(fault.Conflict, fault.CodeChannelInactive,
			"The operator has switched the number off.").Showing("blocked")
	}
	if through.Status != string(channel.StatusActive) {
		return channels.Channel{}, fault.New(fault.Conflict, fault.CodeChannelInactive,
			"The channel is %s.", through.Status).Showing(through.Status)
	}
	if !through.Capabilities.Outbound {
		return channels.Channel{}, fault.New(fault.Invalid, fault.CodeNotCapable, "The channel cannot send (outbound).")
	}
	return through, nil
}

// resolve finds the address to write to and the contact behind it.
func (s *Service) resolve(ctx context.Context, channelID uuid.UUID, to Recipient) (string, uuid.UUID, error) {
	if to.ContactID != uuid.Nil {
		address, err := s.contacts.AddressOf(ctx, to.ContactID)
		if f, ok := fault.As(err); ok {
			return "", uuid.Nil, f.At("body.contact_id", "is no contact that can be texted", to.ContactID.String())
		}
		return address, to.ContactID, err
	}
	address, err := s.address(ctx, to.To)
	if err != nil {
		return "", uuid.Nil, err
	}
	// In the same order as Receive, which has the pair before the contact.
	if err := lockPair(ctx, channelID, address); err != nil {
		return "", uuid.Nil, err
	}
	contactID, err := s.contacts.ForAddress(ctx, channelID, address)
	return address, contactID, err
}

// address reads what a person typed. Numbers of the tenant's own are refused:
// two channels would talk to each other for ever (rules A2-5).
func (s *Service) address(ctx context.Context, typed string) (string, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return "", err
	}
	address := strings.TrimSpace(typed)
	if !phone.IsE164(address) && !phone.IsShortCode(address) {
		here, err := s.store.Ent(ctx).Tenant.Get(ctx, sc.TenantID)
		if err != nil {
			return "", err
		}
		if address, err = phone.Parse(typed, here.Country); err != nil {
			return "", fault.InvalidField(fault.CodeInvalidAddress, "body.to",
				"is not a telephone number: give it as +15145550199", typed)
		}
	}
	// All of the tenant's, also those that the caller is kept from.
	own, err := s.store.Ent(ctx).Channel.Query().
		Where(channel.Address(address), channel.StatusNEQ(channel.StatusReleased)).Exist(scope.OnlyChannels(ctx, nil))
	if err == nil && own {
		err = fault.InvalidField(fault.CodeOwnNumber, "body.to", "is one of the tenant's own channels", address)
	}
	return address, err
}

// conversation returns the interaction with an address that is not closed,
// locked, or opens one. The lock on the pair makes two simultaneous first
// messages join one conversation.
func (s *Service) conversation(ctx context.Context, channelID, contactID uuid.UUID, address string) (row *ent.Interaction, opened bool, err error) {
	if err := lockPair(ctx, channelID, address); err != nil {
		return nil, false, err
	}
	row, err = s.present(ctx, channelID, address)
	if err != nil || row != nil {
		return row, false, err
	}
	row, err = s.open(ctx, channelID, contactID, address)
	return row, err == nil, err
}

// present is the conversation with an address that is not closed, locked; nil
// where there is none. The pair is locked.
func (s *Service) present(ctx context.Context, channelID uuid.UUID, address string) (*ent.Interaction, error) {
	row, err := s.store.Ent(ctx).Interaction.Query().
		Where(interaction.ChannelID(channelID), interaction.Address(address), interaction.StatusNEQ(Closed)).
		ForUpdate().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, nil
	}
	return row, err
}

// last is the youngest conversation with an address, locked; nil where there is
// none. The pair is locked.
func (s *Service) last(ctx context.Context, channelID uuid.UUID, address string) (*ent.Interaction, error) {
	row, err := s.store.Ent(ctx).Interaction.Query().
		Where(interaction.ChannelID(channelID), interaction.Address(address)).
		Order(ent.Desc(interaction.FieldID)).ForUpdate().First(ctx)
	if ent.IsNotFound(err) {
		return nil, nil
	}
	return row, err
}

// open begins a conversation, which knows the one before it. The pair is locked.
func (s *Service) open(ctx context.Context, channelID, contactID uuid.UUID, address string) (*ent.Interaction, error) {
	last, err := s.last(ctx, channelID, address)
	if err != nil {
		return nil, err
	}
	create := s.store.Ent(ctx).Interaction.Create().SetChannelID(channelID).SetContactID(contactID).
		SetAddress(address).SetStatus(Open).SetNeedsReply(false).SetLastMessageAt(s.store.Now())
	if last != nil {
		create.SetPreviousID(last.ID)
	}
	row, err := create.Save(ctx)
	if err != nil {
		return nil, err
	}
	return row, s.events.Publish(ctx, "interaction.opened", "interaction", row.ID,
		map[string]any{"channel_id": channelID, "previous_id": row.PreviousID})
}

// begun is conversation for somebody of the tenant who writes first.
func (s *Service) begun(ctx context.Context, channelID, contactID uuid.UUID, address string) (*ent.Interaction, bool, error) {
	row, opened, err := s.conversation(ctx, channelID, contactID, address)
	if err != nil || !opened {
		return row, opened, err
	}
	if row, err = row.Update().SetDirection(interaction.DirectionOutbound).Save(ctx); err != nil {
		return nil, false, err
	}
	return row, true, s.recordStart(ctx, row)
}

func lockPair(ctx context.Context, channelID uuid.UUID, address string) error {
	_, err := store.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, channelID.String()+" "+address)
	return err
}

// send writes a message into a locked conversation and makes it due.
func (s *Service) send(ctx context.Context, through channels.Channel, conversation *ent.Interaction, d Draft) (Message, error) {
	next, ok := Next(conversation.Status, Replied)
	if !ok {
		return Message{}, wrongState(conversation.Status)
	}
	if d.ClientMessageID != "" {
		if earlier, found, err := s.sameMessage(ctx, conversation, d); found || err != nil {
			return earlier, err
		}
	}
	d, err := s.filled(ctx, through, conversation, d)
	if err != nil {
		return Message{}, err
	}
	d.Body = segments.Normalize(d.Body)
	count, err := checkDraft(through, d)
	if err != nil {
		return Message{}, err
	}
	if err := s.mayWait(ctx, conversation, d); err != nil {
		return Message{}, err
	}
	from, err := s.sender(ctx, through, d)
	if err != nil {
		return Message{}, err
	}
	row, err := s.insert(ctx, from, conversation, d, count)
	if err != nil {
		return Message{}, err
	}
	pictures, err := s.attachments.Attach(ctx, row.ID, d.AttachmentIDs, d.ownUploads)
	if err != nil {
		return Message{}, err
	}
	if err := s.written(ctx, conversation, row.ID); err != nil {
		return Message{}, err
	}
	if d.Phrase != nil {
		if err := s.phrases.Used(ctx, d.Phrase.ID); err != nil {
			return Message{}, err
		}
	}
	if row.Status == Scheduled {
		err = s.publishMessage(ctx, "message.scheduled", row)
	} else {
		err = s.enqueued(ctx, conversation, next, row)
	}
	if err != nil {
		return Message{}, err
	}
	out := messageView(row)
	out.Attachments = pictures
	return out, nil
}

// enqueued does what follows when a message is queued in a locked conversation:
// the customer has his answer, and the tenant has spent its segments.
func (s *Service) enqueued(ctx context.Context, conversation *ent.Interaction, next Status, row *ent.Message) error {
	if err := said(conversation, next, row).Exec(ctx); err != nil {
		return err
	}
	if err := s.publishMessage(ctx, "message.queued", row); err != nil {
		return err
	}
	// Last, because the tenant's other messages wait from here to the commit.
	if err := s.meter.SpendMessages(ctx, row.Segments); err != nil {
		return err
	}
	s.crash("C0")
	store.AfterCommit(ctx, func() {
		s.crash("C1")
		s.wake()
	})
	return nil
}

// said notes a message of the tenant's on its conversation: somebody deals with
// it, and the customer does not wait any more.
func said(conversation *ent.Interaction, next Status, row *ent.Message) *ent.InteractionUpdateOne {
	update := conversation.Update().SetStatus(next).SetNeedsReply(false).SetPreview(preview(row.Body)).
		SetLastMessageAt(countedAt(row)).SetLastMessageDirection(interaction.LastMessageDirectionOutbound).
		SetManaged(true).ClearWaitingSince()
	if conversation.NeedsReply && conversation.FirstResponseAt == nil {
		update.SetFirstResponseAt(countedAt(row))
	}
	if row.SenderID != nil {
		update.SetChangedByID(*row.SenderID)
	}
	return update
}

// checkDraft refuses what the channel could not carry, before the provider
// would.
func checkDraft(through channels.Channel, d Draft) (segments.Result, error) {
	count := segments.Count(d.Body)
	characters := utf8.RuneCountInString(d.Body)
	can := through.Capabilities
	switch {
	case strings.TrimSpace(d.Body) == "" && len(d.AttachmentIDs) == 0:
		return count, fault.InvalidField(fault.CodeEmptyMessage, "body.body", "is empty and there is no picture either")
	case characters > MaxBody:
		return count, tooLong(characters)
	case count.Segments > through.MaxSegments:
		return count, fault.InvalidField(fault.CodeTooManySegments, "body.body",
			fmt.Sprintf("takes %d segments as %s; the channel allows %d", count.Segments, count.Encoding, through.MaxSegments))
	case len(d.AttachmentIDs) > can.MaxMedia:
		return count, fault.InvalidField(fault.CodeNotCapable, "body.attachment_ids",
			fmt.Sprintf("the channel carries %d pictures a message (max_media)", can.MaxMedia))
	}
	return count, nil
}

// sameMessage finds the message that the client has sent under the same id. The
// same content is the same message; other content is a mistake.
func (s *Service) sameMessage(ctx context.Context, conversation *ent.Interaction, d Draft) (Message, bool, error) {
	_, err := store.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 1))`,
		conversation.TenantID.String()+" "+d.ClientMessageID)
	if err != nil {
		return Message{}, false, err
	}
	return s.earlier(ctx, conversation.ChannelID, conversation.Address, d)
}

// earlier finds the message with the draft's client id, without waiting for
// one that is being written.
func (s *Service) earlier(ctx context.Context, channelID uuid.UUID, address string, d Draft) (Message, bool, error) {
	if d.ClientMessageID == "" {
		return Message{}, false, nil
	}
	// Of the whole tenant, in which the name is unique, also for a caller who is
	// kept to some channels: elsewhere it is another message.
	row, err := s.store.Ent(ctx).Message.Query().Where(message.ClientMessageID(d.ClientMessageID)).Only(scope.OnlyChannels(ctx, nil))
	if ent.IsNotFound(err) {
		return Message{}, false, nil
	}
	if err != nil {
		return Message{}, false, err
	}
	views, err := s.messageViews(ctx, []*ent.Message{row})
	if err != nil {
		return Message{}, false, err
	}
	same := sameText(row, d) && row.ToAddress == address && row.ChannelID == channelID &&
		nameOf(row.FromAddress) == d.Sender &&
		slices.Equal(idsOf(views[0].Attachments), sorted(d.AttachmentIDs))
	if !same {
		return Message{}, false, fault.New(fault.Conflict, fault.CodeDuplicateMessage,
			"Another message has this client_message_id.").At("body.client_message_id", "is taken", d.ClientMessageID)
	}
	return views[0], true, nil
}

// sameText tells whether a message says what a draft says. A text that is made of
// a phrase is the phrase's: what fills it may have changed since.
func sameText(row *ent.Message, d Draft) bool {
	if d.Phrase == nil {
		return row.PhraseID == nil && row.Body == segments.Normalize(d.Body)
	}
	samePhrase := row.PhraseID != nil && *row.PhraseID == d.Phrase.ID
	return samePhrase && (d.Body == "" || row.Body == segments.Normalize(d.Body))
}

// idsOf are the ids of a message's pictures, in their order.
func idsOf(pictures []attachments.Attachment) []uuid.UUID {
	var out []uuid.UUID
	for _, p := range pictures {
		out = append(out, p.ID)
	}
	return out
}

func sorted(ids []uuid.UUID) []uuid.UUID {
	return slices.SortedFunc(slices.Values(ids), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
}

func (s *Service) insert(ctx context.Context, from string, conversation *ent.Interaction, d Draft, count segments.Result) (*ent.Message, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	now := s.store.Now()
	create := s.store.Ent(ctx).Message.Create().SetID(id.New()).
		SetInteractionID(conversation.ID).SetChannelID(conversation.ChannelID).
		SetDirection(message.DirectionOutbound).SetStatus(Queued).SetBody(d.Body).
		SetFromAddress(from).SetToAddress(conversation.Address).
		SetEncoding(count.Encoding).SetSegments(count.Segments).
		SetNillableResentOfID(d.resentOf).SetDueAt(now).SetExpiresAt(now.Add(liveFor))
	if d.ClientMessageID != "" {
		create.SetClientMessageID(d.ClientMessageID)
	}
	if sc.Actor.ID != uuid.Nil {
		create.SetSenderID(sc.Actor.ID)
	}
	if d.Phrase != nil {
		create.SetPhraseID(d.Phrase.ID)
	}
	if d.SendAt != nil {
		schedule(create, *d.SendAt, d.UnlessAnswered)
	}
	return create.Save(ctx)
}

func (s *Service) publishMessage(ctx context.Context, kind string, row *ent.Message) error {
	return s.events.Publish(ctx, kind, "message", row.ID, map[string]any{
		"interaction_id": row.InteractionID, "channel_id": row.ChannelID, "status": row.Status,
	})
}

func preview(body string) string {
	runes := []rune(body)
	if len(runes) <= previewLength {
		return body
	}
	return string(runes[:previewLength])
}

// submission is what the provider is given.
func submission(row *ent.Message, line channels.Line, mediaURLs []string, now time.Time) provider.Submission {
	validFor := liveFor
	if row.ExpiresAt != nil {
		validFor = row.ExpiresAt.Sub(now)
	}
	return provider.Submission{
		ClientRef: row.ID.String(), Attempt: row.Attempt, From: row.FromAddress, To: row.ToAddress, Body: row.Body,
		MediaURLs: mediaURLs, ValidFor: validFor,
		StatusURL: fmt.Sprintf("%s?m=%s&a=%d", line.StatusURL, row.ID, row.Attempt),
	}
}
