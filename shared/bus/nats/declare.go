package nats

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"leaver/shared/bus"
)

// maxAckPending bounds what may be handed out and unsettled per subscription. At the bound
// the server hands out nothing more, so it is far above what receivers can hold.
const maxAckPending = 1 << 16

// declare makes the streams, then the consumers: without them a publication is acknowledged
// and gone.
func (b *Bus) declare(ctx context.Context) error {
	var err error
	b.live, err = b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:               Stream,
		Description:        "Leaver: the queues, the topic and the schedules",
		Subjects:           []string{"leaver.queue.*", "leaver.hints.*", "leaver.topic.*", "leaver.only.*.*", "leaver.at.*.*"},
		Retention:          jetstream.InterestPolicy,
		Storage:            jetstream.FileStorage,
		Replicas:           b.opts.Replicas,
		Duplicates:         b.opts.Duplicates,
		AllowMsgSchedules:  true,
		AllowAtomicPublish: true, // see groupcommit
		AllowRollup:        true, // the server turns it on with schedules
	})
	if err != nil {
		return classify("declaring the stream "+Stream, err)
	}
	b.dead, err = b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        DeadStream,
		Description: "Leaver: parked messages, until somebody resubmits or discards them",
		Subjects:    []string{"leaver.dead.*"},
		Retention:   jetstream.LimitsPolicy,
		Storage:     jetstream.FileStorage,
		Replicas:    b.opts.Replicas,
		Duplicates:  b.opts.Duplicates,
	})
	if err != nil {
		return classify("declaring the stream "+DeadStream, err)
	}
	b.kept, err = b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        KeptStream,
		Description: "Leaver: the bodies of what is scheduled for a queue, until it is done with",
		Subjects:    []string{"leaver.kept.*.*.*"},
		Retention:   jetstream.LimitsPolicy,
		Storage:     jetstream.FileStorage,
		Replicas:    b.opts.Replicas,
	})
	if err != nil {
		return classify("declaring the stream "+KeptStream, err)
	}
	if err := b.consume(ctx, schedulesDurable, []string{"leaver.at.*.*"}); err != nil {
		return err
	}
	for _, s := range b.opts.Subscriptions {
		if _, twice := b.subs[s.Name]; twice {
			return fmt.Errorf("subscription %q is given twice", s.Name)
		}
		if err := b.consume(ctx, encode(s.Name), filters(s)); err != nil {
			return err
		}
		b.subs[s.Name] = s
	}
	return nil
}

func (b *Bus) consume(ctx context.Context, durable string, subjects []string) error {
	_, err := b.js.CreateOrUpdateConsumer(ctx, Stream, jetstream.ConsumerConfig{
		Durable:        durable,
		FilterSubjects: subjects,
		DeliverPolicy:  jetstream.DeliverAllPolicy,
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        b.opts.Lock,
		MaxDeliver:     -1,
		MaxAckPending:  maxAckPending,
	})
	return classify("declaring the consumer "+durable, err)
}

// filters are the subjects that a subscription takes.
func filters(s bus.Subscription) []string {
	only := "leaver.only." + encode(s.Name) + ".*"
	switch s.Entity {
	case bus.Queue:
		return []string{"leaver.queue.*", only}
	case bus.Hints:
		return []string{"leaver.hints.*", only}
	}
	all := []string{only}
	for _, subject := range s.Subjects {
		all = append(all, "leaver.topic."+encode(subject))
	}
	return all
}
