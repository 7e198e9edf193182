package nats

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"leaver/shared/ledger"
)

// message is one read message of the ledger's stream.
type message struct {
	*nats.Msg
	subject  string
	sequence uint64
}

const (
	// maxBatch and maxBatchBytes bound one direct read, so that its answers fit into the
	// client's buffers.
	maxBatch      = 1000
	maxBatchBytes = 8 << 20
)

// The status codes that end a direct read.
// Source: nats-server, server/stream.go (getDirectRequest).
const (
	statusEnd  = "204"
	statusNone = "404"
)

// direct reads messages of a subject from a sequence on, with one request: it asks whichever
// replica answers, which may lag. It returns fewer than there are when they are large, and
// none when there are none.
func (s *Store) direct(ctx context.Context, start uint64, subject string, most int) ([]message, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	most = min(most, maxBatch)
	inbox := nats.NewInbox()
	// With room for every answer and the end. SubscribeSync would allocate room for half a
	// million, 4 MB, and take ten times as long.
	answers := make(chan *nats.Msg, most+1)
	sub, err := s.conn.ChanSubscribe(inbox, answers)
	if err != nil {
		return nil, err
	}
	defer func() { _ = sub.Unsubscribe() }()
	ask := fmt.Sprintf(`{"seq":%d,"next_by_subj":%q,"batch":%d,"max_bytes":%d}`, start, subject, most, maxBatchBytes)
	if err := s.conn.PublishRequest("$JS.API.DIRECT.GET."+Stream, inbox, []byte(ask)); err != nil {
		return nil, err
	}
	var all []message
	for {
		var msg *nats.Msg
		select {
		case msg = <-answers:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if msg == nil { // the connection closed the channel
			return nil, nats.ErrConnectionClosed
		}
		if status := msg.Header.Get("Status"); status != "" {
			switch status {
			case statusEnd, statusNone:
				return all, nil
			}
			return nil, fmt.Errorf("the server ended the read with status %s %s", status, msg.Header.Get("Description"))
		}
		sequence, err := strconv.ParseUint(msg.Header.Get(jetstream.SequenceHeader), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("reading the sequence of a message: %w", err)
		}
		all = append(all, message{msg, msg.Header.Get(jetstream.SubjectHeader), sequence})
	}
}

// fromLeader asks the stream's leader for one message.
func (s *Store) fromLeader(ctx context.Context, ask map[string]any) (message, error) {
	var answer struct {
		Message struct {
			Subject  string `json:"subject"`
			Sequence uint64 `json:"seq"`
			Header   []byte `json:"hdrs"` // base64
			Data     []byte `json:"data"`
		} `json:"message"`
	}
	if err := s.request(ctx, "$JS.API.STREAM.MSG.GET."+Stream, ask, &answer); err != nil {
		return message{}, err
	}
	header := nats.Header{}
	if len(answer.Message.Header) > 0 {
		var err error
		if header, err = nats.DecodeHeadersMsg(answer.Message.Header); err != nil {
			return message{}, fmt.Errorf("%w: the headers of entry %d of the stream are none", ledger.ErrUnreadable, answer.Message.Sequence)
		}
	}
	msg := &nats.Msg{Subject: answer.Message.Subject, Header: header, Data: answer.Message.Data}
	return message{msg, answer.Message.Subject, answer.Message.Sequence}, nil
}

// learn reads the heads of all histories. A consumer of the last message of each subject
// sends headers alone and any number of them; a direct read of last messages sends the
// entries too, and refuses more than 1,024 subjects.
func (s *Store) learn(ctx context.Context) error {
	consumer, err := s.entries.CreateConsumer(ctx, jetstream.ConsumerConfig{
		Description:       "Leaver: lists the histories once",
		DeliverPolicy:     jetstream.DeliverLastPerSubjectPolicy,
		FilterSubject:     entriesPrefix + "*",
		AckPolicy:         jetstream.AckNonePolicy,
		HeadersOnly:       true,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: time.Minute, // the server removes it if we cannot
	})
	if err != nil {
		return err
	}
	defer func() { _ = s.entries.DeleteConsumer(context.WithoutCancel(ctx), consumer.CachedInfo().Name) }()
	for pending := consumer.CachedInfo().NumPending; pending > 0; {
		ctx, cancel := context.WithTimeout(ctx, s.timeout)
		msgs, left, err := fetch(ctx, consumer, int(min(pending, maxBatch)))
		cancel()
		if err != nil {
			return err
		}
		s.note(msgs)
		pending = left
	}
	return nil
}

// fetch reads n messages of a consumer, and how many are left.
func fetch(ctx context.Context, consumer jetstream.Consumer, n int) (all []message, left uint64, err error) {
	batch, err := consumer.Fetch(n, jetstream.FetchContext(ctx))
	if err != nil {
		return nil, 0, err
	}
	for msg := range batch.Messages() {
		meta, err := msg.Metadata()
		if err != nil {
			return nil, 0, err
		}
		left = meta.NumPending
		all = append(all, message{&nats.Msg{Header: msg.Headers()}, msg.Subject(), meta.Sequence.Stream})
	}
	if err := batch.Error(); err != nil {
		return nil, 0, err
	}
	if len(all) < n {
		return nil, 0, errors.Join(ctx.Err(), fmt.Errorf("the server sent %d of %d heads: %w", len(all), n, nats.ErrTimeout))
	}
	return all, left, nil
}

// catchUp reads what was appended after a sequence.
func (s *Store) catchUp(ctx context.Context, listed uint64) error {
	for {
		msgs, err := s.direct(ctx, listed+1, entriesPrefix+"*", maxBatch)
		if err != nil {
			return err
		}
		s.note(msgs)
		if len(msgs) == 0 {
			return nil
		}
		listed = msgs[len(msgs)-1].sequence
	}
}
